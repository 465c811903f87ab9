// Small charts as SVG text. Colours are the page's variables, so that a change of theme needs no redrawing.

function chartEscaped(text) {
  return String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

// A number for readers: four digits at most, thousands apart.
function chartNumber(value) {
  if (!Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(1).replace("e+", "e").replace(".0e", "e");
  if (size >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

// Round numbers between two limits, about so many of them.
function chartTicks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  return ticks;
}

function chartText(x, y, text, { anchor = "middle", size = 11, fill = "var(--soft)", more = "" } = {}) {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}" fill="${fill}" ${more}>${chartEscaped(text)}</text>`;
}

function chartLine(x1, y1, x2, y2, stroke = "var(--line)", more = "") {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${stroke}" ${more}/>`;
}

// The frame of a chart: where numbers stand on it, and its axes as text.
// x and y: {low, high, title, ticks?}; a margin has room for ticks and titles.
function chartFrame({ width, height, x, y, left = 46, right = 10, top = 16, bottom = 40, grid = true }) {
  const plot = { left, top, width: Math.max(40, width - left - right), height: Math.max(40, height - top - bottom) };
  const px = (value) => plot.left + ((value - x.low) / (x.high - x.low || 1)) * plot.width;
  const py = (value) => plot.top + plot.height - ((value - y.low) / (y.high - y.low || 1)) * plot.height;
  const end = plot.top + plot.height;
  const parts = [];
  for (const tick of y.ticks ?? chartTicks(y.low, y.high, plot.height / 45)) {
    if (grid) parts.push(chartLine(plot.left, py(tick), plot.left + plot.width, py(tick)));
    parts.push(chartText(plot.left - 6, py(tick) + 4, chartNumber(tick), { anchor: "end" }));
  }
  for (const tick of x.ticks ?? chartTicks(x.low, x.high, plot.width / 55)) {
    parts.push(chartLine(px(tick), end, px(tick), end + 4, "var(--soft)"));
    parts.push(chartText(px(tick), end + 16, chartNumber(tick)));
  }
  const middle = plot.top + plot.height / 2;
  parts.push(chartText(plot.left + plot.width / 2, end + 34, x.title, { size: 12 }));
  parts.push(chartText(12, middle, y.title, { size: 12, more: `transform="rotate(-90 12 ${middle})"` }));
  return { ...plot, px, py, axes: parts.join("") };
}

// A whole SVG from what is inside. The drawing is one image to a screen reader, described by its label.
function chartSvg(width, height, inside, label) {
  const said = label === undefined ? 'aria-hidden="true"' : `role="img" aria-label="${chartEscaped(label)}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" ${said}>${inside}</svg>`;
}

// The same SVG to stand alone: variables replaced by the colours they have now, on the page's ground.
function chartAlone(svg) {
  const style = getComputedStyle(document.documentElement);
  const ground = svg.replace(/(<svg[^>]*>)/, '$1<rect width="100%" height="100%" fill="var(--card)"/>');
  return ground.replace(/var\((--[a-z0-9-]+)\)/g, (_, name) => style.getPropertyValue(name).trim() || "#888888");
}
