// The three phases of the run in view: shaded in every figure over training, and in words above the first.

const phaseSteps = (value) => Math.round(value).toLocaleString("en");

// The phases as Plotly's shapes, between their boundaries; from a boundary's earliest to its latest step a darker band.
function phaseShapes(phases, lastStep, colours, logarithmic) {
  const shapes = [];
  const at = (step) => (logarithmic ? Math.max(step, 1) : step);
  const rectangle = (name, from, to, fillcolor) => shapes.push({
    type: "rect", name, xref: "x", yref: "paper", x0: at(from), x1: at(to), y0: 0, y1: 1, fillcolor, layer: "below",
    line: { width: 0 },
  });
  phases.forEach(({ name, begin, end }, index) => {
    if (!begin) return;
    rectangle(`phase: ${name}`, begin.step, end ? end.step : lastStep, colours[`phase-${index}`]);
    if (end) rectangle(`end of ${name}`, end.low, end.high, colours["phase-edge"]);
  });
  return shapes;
}

function phaseWords(paragraph, phases) {
  paragraph.replaceChildren(...phases.map(({ name, begin, end, reason }, index) => {
    const entry = document.createElement("span");
    const sign = document.createElement("i");
    sign.style.background = `var(--phase-${index})`;
    sign.setAttribute("aria-hidden", "true");
    const range = document.createElement("small");
    if (!begin) range.textContent = `not seen: ${reason}`;
    else if (!end) range.textContent = `from step ${phaseSteps(begin.step)}, no end seen: ${reason}`;
    else {
      range.textContent = `${phaseSteps(begin.step)} to ${phaseSteps(end.step)}`;
      if (end.low < end.high) range.textContent += ` (${phaseSteps(end.low)} to ${phaseSteps(end.high)})`;
      if (!end.stable) range.textContent += ", not by every variant of the rule";
    }
    const word = document.createElement("b");
    word.textContent = name;
    entry.append(sign, word, range);
    return entry;
  }));
}
