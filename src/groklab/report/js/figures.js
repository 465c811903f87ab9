// The figures of an article: Plotly's facts with the packed numbers put back, drawn when they come near the view.

const FIGURE_NARROW = window.matchMedia("(max-width: 600px)");
const FIGURE_CONFIG = {
  responsive: true, displaylogo: false, displayModeBar: window.matchMedia("(hover: hover)").matches && "hover",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"],
};

const figurePlot = (figure) => figure.querySelector(".plot");

function figureRestored(facts, arrays) {
  if (Array.isArray(facts)) return facts.map((one) => figureRestored(one, arrays));
  if (facts === null || typeof facts !== "object") return facts;
  if (typeof facts.packed === "string") {
    const { shape, data } = arrays[facts.packed];
    if (shape.length < 2) return data;
    return Array.from({ length: shape[0] }, (_, row) => data.subarray(row * shape[1], (row + 1) * shape[1]));
  }
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, figureRestored(value, arrays)]));
}

// Everything of a figure, whatever is shown of it now.
function figureContent(figure) {
  const page = figure.closest("article").page;
  page.restored ??= new Map();
  const name = figure.dataset.name;
  if (!page.restored.has(name)) page.restored.set(name, figureRestored(page.facts.figures[name], page.arrays));
  return page.restored.get(name);
}

// The traces that are shown: of the option chosen, and of runs that are not hidden.
function figureTraces(figure, colours) {
  const { hidden, run } = figure.closest("article").page;
  const select = figure.querySelector("select[data-choice]");
  const several = new Set(figureContent(figure).data.map(({ meta }) => meta?.run)).size > 1;
  return figureContent(figure).data
    .filter(({ meta = {} }) => meta.option === undefined || meta.option === Number(select.value))
    .map((trace) => figureColoured(trace, colours, !hidden.has(trace.meta?.run)))
    .map((trace) => (several && trace.meta?.run === run ? figureInView(trace) : trace));
}

// The run in view is drawn thicker than the others.
const figureInView = (trace) => ({ ...trace, line: { ...trace.line, width: 2 * (trace.line?.width ?? 1.5) } });

function figureColoured(trace, colours, shown) {
  const legible = (colour) => {
    if (Array.isArray(colour)) return colour.map(legible);
    return typeof colour === "string" ? themeLegible(colour, colours) : colour;
  };
  const coloured = { ...trace, visible: shown && (trace.visible === "legendonly" ? "legendonly" : true) };
  for (const part of ["line", "marker"]) {
    if (trace[part]?.color !== undefined) coloured[part] = { ...trace[part], color: legible(trace[part].color) };
  }
  if (trace.colorbar) {
    coloured.colorbar = { ...trace.colorbar, title: { ...trace.colorbar.title, font: { size: 13 } } };
  }
  if (!trace.name) coloured.showlegend = false;
  if (trace.type === "bar") coloured.textfont = { color: colours.ink };
  return coloured;
}

function figureLayout(figure, colours, legend = figure.dataset.legend === "true") {
  const { layout } = figureContent(figure);
  const narrow = FIGURE_NARROW.matches;
  const broad = figure.dataset.legend === "true";
  const made = {
    ...layout, width: undefined, height: undefined, autosize: true, template: undefined, showlegend: legend,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: colours.ink },
    hoverlabel: { align: "left", bgcolor: colours.paper, bordercolor: colours.line, font: { color: colours.ink } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.soft, activecolor: colours.accent },
    margin: { l: narrow ? 48 : 64, r: narrow ? 8 : 16, t: broad ? 28 : 12, b: 48 },
    dragmode: narrow ? false : "zoom",
  };
  for (const name of Object.keys(made).filter((one) => /^[xy]axis\d*$/.test(one))) {
    made[name] = {
      ...made[name], title: { ...made[name].title, font: { size: 13 } }, gridcolor: colours.line,
      linecolor: colours.soft, tickcolor: colours.soft, zerolinecolor: colours.line,
    };
  }
  if (layout.annotations) {
    made.annotations = layout.annotations.map((one) => ({ ...one, font: { size: 13, color: colours.ink } }));
  }
  for (const [axis, kind] of figureAxes(figure)) {
    for (const name of Object.keys(made).filter((one) => one.startsWith(`${axis}axis`))) {
      made[name] = { ...made[name], type: kind };
    }
  }
  if (figure.dataset.training) made.shapes = figureShapes(figure, made, colours);
  return made;
}

function figureAxes(figure) {
  return [...figure.querySelectorAll("[data-axis][aria-pressed=true]")].map(({ dataset }) => [dataset.axis, dataset.type]);
}

// Phases of the run in view, then the line of the explorer's step.
function figureShapes(figure, layout, colours) {
  const { page } = figure.closest("article");
  const logarithmic = layout.xaxis.type === "log";
  const shapes = phaseShapes(page.phases(page.run), page.lastStep(page.run), colours, logarithmic);
  if (page.step !== undefined) {
    const x = logarithmic ? Math.max(page.step, 1) : page.step;
    const line = { color: colours.ink, width: 1.5 };
    shapes.push({ type: "line", name: "step", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line });
  }
  return shapes;
}

async function figureDraw(figure) {
  const library = await plotly();
  if (!figure.isConnected || !figure.closest("article")?.page) return;
  const plot = figurePlot(figure);
  const colours = themeColours();
  figure.stale = false;
  const fresh = !plot.data;
  await library.react(plot, figureTraces(figure, colours), figureLayout(figure, colours), FIGURE_CONFIG);
  figure.querySelector(".failed")?.remove();
  if (fresh) plot.on("plotly_click", ({ points }) => figureClicked(figure, points[0]));
}

// What could not be drawn says so, and is tried again when it next comes into view.
function figureFailed(figure, error) {
  console.error(error);
  figure.stale = undefined;
  if (figure.querySelector(".failed")) return;
  const words = document.createElement("p");
  Object.assign(words, { className: "note failed", textContent: "This figure could not be drawn; its numbers can be saved as CSV." });
  figurePlot(figure).before(words);
}

// A click on a curve takes the explorer there.
function figureClicked(figure, { x, data }) {
  const { explorer, see } = figure.closest("article").page;
  if (!explorer || !figure.dataset.training) return;
  see(data.meta?.run ?? data.meta?.of);
  explorer.root.dispatchEvent(new CustomEvent("groklab:set-step", { detail: { step: x } }));
}

// Moves the line alone: a whole drawing takes too long while the slider moves.
function figureMoved(figure) {
  const { page } = figure.closest("article");
  const plot = figurePlot(figure);
  const place = (plot.layout?.shapes ?? []).findIndex(({ name }) => name === "step");
  if (place < 0) return figureDraw(figure);
  const x = plot.layout.xaxis.type === "log" ? Math.max(page.step, 1) : page.step;
  return window.Plotly.relayout(plot, { [`shapes[${place}].x0`]: x, [`shapes[${place}].x1`]: x });
}

// Draws one figure after the other, the first one first, with a breath between them.
function figureQueue(figures) {
  const near = new Set(), waiting = new Set();
  let working = false;
  // One figure that fails stops no other.
  const drawn = (figure) => figureDraw(figure).catch((error) => figureFailed(figure, error));
  const work = async () => {
    if (working) return;
    working = true;
    try {
      for (let next = [...waiting][0]; next; next = [...waiting][0]) {
        waiting.delete(next);
        await drawn(next);
        await new Promise((done) => setTimeout(done));
      }
    } finally {
      working = false;
    }
  };
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) near.delete(target);
      else {
        near.add(target);
        if (target.stale !== false) waiting.add(target);
      }
    }
    work();
  }, { rootMargin: "300px" });
  return {
    start: () => figures.forEach((figure) => observer.observe(figure)),
    // Something of these figures has changed: those in view are drawn now, the others when they come.
    changed: (some = figures) => {
      for (const figure of some) {
        if (near.has(figure)) waiting.add(figure);
        else if (figurePlot(figure).data) figure.stale = true;
      }
      return work();
    },
    moved: () => {
      for (const figure of figures) {
        if (!figure.dataset.training || !figurePlot(figure).data || figure.stale) continue;
        if (near.has(figure) && !waiting.has(figure)) figureMoved(figure);
        else figure.stale = true;
      }
    },
    all: () => Promise.all(figures.map(drawn)),
    stop: () => {
      observer.disconnect();
      waiting.clear();
    },
  };
}
