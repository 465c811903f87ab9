// Pictures of functions on pairs: a canvas of one pixel a pair, axes and a colour bar in SVG around it.

const PICTURE_MARGIN = { left: 46, right: 62, top: 8, bottom: 40 };

// An element that holds a picture; `show` draws into it, `picture.at(event)` says which cell is under the pointer.
function pictureIn(host) {
  const canvas = document.createElement("canvas"), axes = document.createElement("div");
  canvas.setAttribute("role", "img");
  host.classList.add("picture");
  host.append(canvas, axes);
  return { host, canvas, axes, markup: "", size: 0, columns: 1, rows: 1 };
}

// Draws values[column * rows + row], columns to the right and rows upwards.
// {columns, rows, high, x, y, bar, label, even?, marks?, blank?}: x and y are {title, ticks: [[place, text]]}, `bar` the title
// of the colour bar from 0 to `high`, `even` the power of the value with which colours go (1), `blank(i)` says which
// cells have none.
function pictureShow(picture, values, given) {
  const { columns, rows, high, even = 1 } = given;
  const { left, right, top, bottom } = PICTURE_MARGIN;
  const size = Math.max(80, picture.host.clientWidth - left - right);
  Object.assign(picture, { size, columns, rows });
  picturePaint(picture.canvas, values, { even, ...given });
  Object.assign(picture.canvas.style, { left: `${left}px`, top: `${top}px`, width: `${size}px`, height: `${size}px` });
  picture.canvas.setAttribute("aria-label", given.label);
  const cell = size / columns, parts = [], end = top + size;
  for (const [place, text, key] of given.x.ticks) {
    const at = left + (place + 0.5) * cell;
    parts.push(chartLine(at, end, at, end + 4, "var(--soft)"), pictureTick(at, end + 16, text, "middle", key));
  }
  for (const [place, text, key] of given.y.ticks) {
    const at = end - ((place + 0.5) * size) / rows;
    parts.push(chartLine(left - 4, at, left, at, "var(--soft)"), pictureTick(left - 7, at + 4, text, "end", key));
  }
  const middle = top + size / 2;
  parts.push(chartText(left + size / 2, end + 34, given.x.title, { size: 12 }));
  parts.push(chartText(12, middle, given.y.title, { size: 12, more: `transform="rotate(-90 12 ${middle})"` }));
  parts.push(pictureBar(left + size + 10, top, size, high, even, given.bar));
  for (const [column, row] of given.marks ?? []) {
    const [x, y] = [left + (column + 0.5) * cell, end - ((row + 0.5) * size) / rows];
    parts.push(`<circle cx="${x}" cy="${y}" r="6" fill="none" stroke="#000" stroke-width="3.5"/>`);
    parts.push(`<circle cx="${x}" cy="${y}" r="6" fill="none" stroke="#fff" stroke-width="1.8"/>`);
  }
  const markup = chartSvg(size + left + right, size + top + bottom, parts.join(""));
  if (markup !== picture.markup) picture.axes.innerHTML = picture.markup = markup;
}

// The whole picture as an SVG that stands alone.
function pictureAlone(picture) {
  const { left, top } = PICTURE_MARGIN;
  const image = `<image x="${left}" y="${top}" width="${picture.size}" height="${picture.size}" ` +
    `preserveAspectRatio="none" style="image-rendering:pixelated" href="${pictureUrl(picture)}"/>`;
  return chartAlone(picture.markup.replace(/(<svg[^>]*>)/, `$1${image}`));
}

// The column and row under a pointer, or nothing.
function pictureCell(picture, event) {
  const box = picture.canvas.getBoundingClientRect();
  const column = Math.floor(((event.clientX - box.left) / box.width) * picture.columns);
  const row = picture.rows - 1 - Math.floor(((event.clientY - box.top) / box.height) * picture.rows);
  return column >= 0 && row >= 0 && column < picture.columns && row < picture.rows ? [column, row] : null;
}

function picturePaint(canvas, values, { columns, rows, high, even, blank }) {
  picturePaint.table ??= colourTable(COLOURS_RISING);
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows });
  const image = new ImageData(columns, rows), scale = high > 0 ? 1 / high : 0;
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const from = column * rows + row, to = 4 * ((rows - 1 - row) * columns + column);
      if (!Number.isFinite(values[from]) || blank?.(from)) continue;
      const share = Math.max(0, Math.min(1, values[from] * scale));
      const colour = 3 * Math.round(255 * (even === 1 ? share : share ** even));
      for (let c = 0; c < 3; c++) image.data[to + c] = picturePaint.table[colour + c];
      image.data[to + 3] = 255;
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Enlarged before it is encoded: not every reader of SVG leaves pixels sharp.
function pictureUrl(picture) {
  const large = document.createElement("canvas"), factor = Math.ceil(900 / picture.columns);
  Object.assign(large, { width: picture.columns * factor, height: picture.rows * factor });
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(picture.canvas, 0, 0, large.width, large.height);
  return large.toDataURL();
}

function pictureTick(x, y, text, anchor, key) {
  return chartText(x, y, text, key === undefined ? { anchor } : { anchor, fill: colourOfKey(key), more: 'font-weight="700"' });
}

function pictureBar(x, top, size, high, even, title) {
  const slices = 64, parts = [], table = (picturePaint.table ??= colourTable(COLOURS_RISING));
  for (let i = 0; i < slices; i++) {
    const colour = table.slice(3 * Math.round((255 * i) / (slices - 1))).slice(0, 3).join(",");
    parts.push(`<rect x="${x}" y="${top + size * (1 - (i + 1) / slices)}" width="10" height="${size / slices + 0.5}" fill="rgb(${colour})"/>`);
  }
  for (const tick of chartTicks(0, high > 0 ? high : 1, 3)) {
    const y = top + size - (tick / (high > 0 ? high : 1)) ** even * size;
    parts.push(chartText(x + 14, Math.max(top + 8, Math.min(top + size, y + 4)), chartNumber(tick), { anchor: "start", size: 10 }));
  }
  const middle = top + size / 2, at = x + 49;
  parts.push(chartText(at, middle, title, { more: `transform="rotate(-90 ${at} ${middle})"` }));
  return parts.join("");
}
