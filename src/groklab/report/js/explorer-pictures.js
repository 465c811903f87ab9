// Attention and neurons over all pairs (a, b), each with its Fourier spectrum in two dimensions.

function explorerAttention(explorer) {
  const controls = (parts) => [
    explorerChoice(explorer, parts.controls, "head", "head", () => [...Array(explorer.run.facts.heads).keys()].map((h) => [h, String(h)])),
    explorerChoice(explorer, parts.controls, "operand", "attention to", () => [["a", "a"], ["b", "b"]]),
  ];
  return explorerOverPairs(explorer, {
    title: "Attention over all pairs", unit: "attention (share)", short: "share",
    caption: "How much of a head's attention from the last position goes to the operand, for every pair (a, b); a click " +
      "chooses the pair of the last figure. Beside it the root mean square of its Fourier components, the constant left out, in colours that go with the square root.",
    name: () => `attention-head-${explorer.state.head}-to-${explorer.state.operand}`,
    words: () => `Attention of head ${explorer.state.head} to ${explorer.state.operand}`,
    fits: () => explorer.run.has("scores"),
    values: (at) => networkAttention(explorer.run, at, explorer.state.head, explorer.state.operand),
    whole: 1,
    controls,
  });
}

function explorerNeuron(explorer) {
  const place = () => explorer.run.facts.neurons.findIndex((one) => one.number === explorer.state.neuron);
  const controls = (parts) => [
    explorerChoice(explorer, parts.controls, "neuron", "neuron", () => explorer.run.facts.neurons.map(({ number, frequency, share }) =>
      [number, `${number}${frequency === null ? "" : ` · frequency ${frequency} (${Math.round(100 * share)} %)`}`])),
  ];
  return explorerOverPairs(explorer, {
    title: "A neuron over all pairs", unit: "activation (pure number)", short: "activation",
    caption: "The neuron's activation for every pair (a, b), and the root mean square of its Fourier components. In brackets " +
      "after its frequency: the share of its variance that a polynomial of degree 2 in that frequency explains in the last network.",
    name: () => `neuron-${explorer.state.neuron}`,
    words: () => `Activation of neuron ${explorer.state.neuron}`,
    fits: () => explorer.run.has("shares") && explorer.state.neuron !== null,
    values: (at) => networkNeuron(explorer.run, at, place()),
    controls,
  });
}

// A figure of two pictures. `values(at)` is the function over the pairs at a step, `whole` the
// largest value that it can have, where there is one; else colours fit each step.
function explorerOverPairs(explorer, given) {
  const pictures = {};
  let values = null, spectrum = null;
  const parts = explorerFigure(explorer, {
    kind: "pairs", title: given.title, caption: given.caption,
    source: {
      name: given.name,
      svg: () => explorerBeside(pictureAlone(pictures.pairs), pictureAlone(pictures.spectrum)),
      csv: () => ({
        header: ["a", "b", given.unit],
        rows: explorerPairs(explorer.run.facts).map(([a, b], i) => [a, b, values[i]]),
      }),
    },
  });
  const choices = given.controls(parts);
  for (const name of ["pairs", "spectrum"]) {
    const host = document.createElement("div");
    parts.chart.append(host);
    pictures[name] = pictureIn(host);
  }
  explorerPointer(explorer, parts, (event) => explorerCellWords(explorer, given, pictures, values, spectrum, event), (event) => {
    const cell = event.target === pictures.pairs.canvas && pictureCell(pictures.pairs, event);
    if (cell) explorer.set({ a: explorer.run.facts.elements.a[cell[0]], b: explorer.run.facts.elements.b[cell[1]] });
  });
  return {
    ...parts,
    fits: given.fits,
    draw: () => {
      choices.forEach((choice) => choice());
      const { run, at } = explorer, n = run.facts.order;
      values = given.values(at);
      spectrum = fourierOfPairs(values, n);
      explorerShowPairs(explorer, given, pictures.pairs, values);
      explorerShowSpectrum(explorer, given, pictures.spectrum, spectrum);
    },
  };
}

function explorerShowPairs(explorer, given, picture, values) {
  const { run, state } = explorer, { order: n, elements } = run.facts;
  const axis = (name) => ({
    title: `${name} (token${explorerInOrder(run) ? "" : ", in the group's order"})`,
    ticks: chartTicks(0, n - 1, 5).map(Math.round).map((place) => [place, String(elements[name][place])]),
  });
  const { low, high: most } = explorerRange(values);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  pictureShow(picture, values, {
    columns: n, rows: n, high: explorer.state.scale === "training" && given.whole ? given.whole : most, x: axis("a"), y: axis("b"), bar: given.unit,
    marks: [[elements.a.indexOf(state.a), elements.b.indexOf(state.b)]],
    label: `${given.words()} over all pairs (a, b) at step ${state.step}: ` +
      (Number.isFinite(mean) ? `${chartNumber(low)} to ${chartNumber(most)}, mean ${chartNumber(mean)}` : "not finite"),
  });
}

function explorerShowSpectrum(explorer, given, picture, spectrum) {
  const { run, state } = explorer, count = Math.floor(run.facts.order / 2) + 1, keys = explorerKeys(run);
  const ticks = [[0, "0"]];
  keys.forEach((place, order) => {
    // Numbers that would touch are left out; the bars above have them all.
    const room = (picture.size || 250) / count;
    if ((place + 1 - ticks.at(-1)[0]) * room >= 13) ticks.push([place + 1, String(run.facts.labels[place]), order]);
  });
  const strongest = [...spectrum.keys()].slice(1).sort((i, j) => spectrum[j] - spectrum[i]).slice(0, 3);
  pictureShow(picture, spectrum, {
    columns: count, rows: count, high: explorerRange(spectrum.subarray(1)).high, even: 0.5,
    bar: "root mean square", blank: (cell) => cell === 0,
    x: { title: "frequency in a (cycles)", ticks }, y: { title: "frequency in b (cycles)", ticks },
    label: `Fourier components of the same; the constant is ${chartNumber(spectrum[0])}; largest others: ` +
      strongest.map((i) => `${chartNumber(spectrum[i])} at (${Math.floor(i / count)}, ${i % count})`).join(", "),
  });
}

function explorerCellWords(explorer, given, pictures, values, spectrum, event) {
  const { order: n, elements } = explorer.run.facts, count = Math.floor(n / 2) + 1;
  if (!values) return "";
  if (event.target === pictures.pairs.canvas) {
    const cell = pictureCell(pictures.pairs, event);
    return cell && `a = <b>${elements.a[cell[0]]}</b>, b = <b>${elements.b[cell[1]]}</b>: ${given.short} <b>${chartNumber(values[cell[0] * n + cell[1]])}</b>`;
  }
  if (event.target !== pictures.spectrum.canvas) return "";
  const cell = pictureCell(pictures.spectrum, event);
  return cell && `frequency <b>${cell[0]}</b> in a, <b>${cell[1]}</b> in b: root mean square <b>${chartNumber(spectrum[cell[0] * count + cell[1]])}</b>`;
}

function explorerPairs({ elements }) {
  return elements.a.flatMap((a) => elements.b.map((b) => [a, b]));
}

// Two SVGs side by side as one.
function explorerBeside(first, second) {
  const [one, two] = [first, second].map((svg) => svg.match(/width="([\d.]+)" height="([\d.]+)"/).slice(1).map(Number));
  const moved = second.replace("<svg ", `<svg x="${one[0]}" `);
  return chartSvg(one[0] + two[0], Math.max(one[1], two[1]), first + moved);
}
