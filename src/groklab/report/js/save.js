// Saving what a figure shows: as SVG, as PNG, and its numbers as CSV.

function saveBlob(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// A number as the shortest text that reads back to the same float32.
function saveNumber(value) {
  if (!Number.isFinite(value) || Number.isInteger(value)) return Number.isNaN(value) ? "" : String(value);
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(value);
}

function saveCsv(name, header, rows) {
  const cell = (value) => {
    const text = typeof value === "number" ? saveNumber(value) : String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [header, ...rows].map((row) => row.map(cell).join(","));
  saveBlob(`${name}.csv`, new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" }));
}

async function savePng(name, svg) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * image.width;
  canvas.height = 2 * image.height;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  saveBlob(`${name}.png`, await new Promise((done) => canvas.toBlob(done, "image/png")));
}

// Buttons that save a figure; whoever asks for them places them. `source`: name (a text, or a function asked at the
// click), svg() and csv(), each of them or a promise.
function saveButtons(figure, source) {
  const box = document.createElement("div");
  box.className = "save";
  const name = () => (typeof source.name === "function" ? source.name() : source.name);
  const kinds = {
    SVG: async () => saveBlob(`${name()}.svg`, new Blob([await source.svg()], { type: "image/svg+xml" })),
    PNG: async () => savePng(name(), await source.svg()),
    CSV: async () => {
      const { header, rows } = await source.csv();
      saveCsv(name(), header, rows);
    },
  };
  const title = figure.querySelector("h4")?.textContent ?? "";
  for (const [kind, save] of Object.entries(kinds)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = kind;
    button.setAttribute("aria-label", `save ${title} as ${kind}`);
    button.addEventListener("click", save);
    box.append(button);
  }
  return box;
}

// What the buttons of a figure drawn by Plotly save. A file of thinned lines says so in its name.
function savePlot(figure) {
  const { page } = figure.closest("article"), { name } = figure.dataset;
  const thinned = () => (page.facts.thinned[name] ? `-thinned-to-${page.facts.thinned[name]}-points` : "");
  return {
    name: () => `${page.facts.study}-${name}${thinned()}`,
    svg: () => saveSvg(figure),
    csv: () => saveRows(figure),
  };
}

// The figure on white, with its heading and a legend, whatever the page looks like.
async function saveSvg(figure) {
  const library = await plotly();
  const lines = figure.dataset.training && !figure.querySelector("select");
  const layout = figureLayout(figure, THEME_PRINT, lines || figure.dataset.legend === "true");
  Object.assign(layout, {
    paper_bgcolor: THEME_PRINT.paper, margin: { ...layout.margin, t: 56 },
    title: { text: figure.querySelector("h4").textContent, x: 0.02, xanchor: "left", font: { size: 16 } },
  });
  const data = figureTraces(figure, THEME_PRINT).filter(({ visible }) => visible === true);
  const words = [...figure.querySelectorAll(".key")];
  if (words.length) {
    for (const key of words) {
      const dash = key.querySelector("i").className;
      data.push({ x: [null], y: [null], mode: "lines", name: key.textContent, line: { color: THEME_PRINT.soft, dash } });
    }
  }
  const url = await library.toImage({ data, layout }, { format: "svg", width: 960, height: 560 });
  return decodeURIComponent(url.slice(url.indexOf(",") + 1));
}

// Every number of a figure, also of what is not shown now: a row a point.
function saveRows(figure) {
  const { data, layout } = figureContent(figure);
  const { page } = figure.closest("article");
  const titles = ["x", "y"].map((axis) => saveText(layout[`${axis}axis`]?.title?.text) || axis);
  const pictures = data.some(({ type }) => type === "heatmap");
  const options = layout.meta?.options;
  const chosen = options && layout.meta.choice !== "run" ? layout.meta.choice : null;
  const bars = ["x", "y"].filter((axis) => data.some((trace) => trace[`error_${axis}`]?.array));
  const ends = bars.flatMap((axis) => ["low", "high"].map((end) => `${titles["xy".indexOf(axis)]}, ${end}`));
  const header = ["run", "line", ...(chosen ? [chosen] : []), ...titles, ...ends, ...(pictures ? ["value"] : [])];
  const rows = [];
  for (const trace of data) {
    const meta = trace.meta ?? {};
    const run = meta.run ?? meta.of;
    // Points of many runs in one trace each say which run they are.
    const names = run === undefined && Array.isArray(trace.text) ? trace.text.map(saveText) : null;
    const name = run === undefined ? "" : page.name(run);
    const before = [name, saveText(meta.line ?? trace.name), ...(chosen ? [options[meta.option]] : [])];
    if (trace.type === "heatmap") {
      trace.z.forEach((line, row) => line.forEach((value, column) => {
        rows.push([...before, trace.x[column], trace.y[row], value]);
      }));
    } else {
      for (let point = 0; point < (trace.x ?? []).length; point++) {
        const row = [...before, trace.x[point], trace.y[point], ...bars.flatMap((axis) => saveEnds(trace, axis, point))];
        if (names) row[0] = names[point];
        rows.push(row);
      }
    }
  }
  return { header, rows };
}

// The ends of a point's error bar; nothing where it has none.
function saveEnds(trace, axis, point) {
  const bar = trace[`error_${axis}`];
  if (!bar?.array) return ["", ""];
  return [trace[axis][point] - (bar.arrayminus ?? bar.array)[point], trace[axis][point] + bar.array[point]];
}

// Plotly's small HTML as plain text.
function saveText(text) {
  return new DOMParser().parseFromString(String(text ?? ""), "text/html").body.textContent;
}
