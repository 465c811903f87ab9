// What the explorer's figures share: their frame, their scales, their choices.

// A figure with head, controls, chart, a line that says what is under the pointer, and caption. `source` has name(),
// svg() and csv() for saving.
function explorerFigure(explorer, { kind, title, caption, source }) {
  const figure = document.createElement("figure");
  figure.className = `explorer-figure ${kind}`;
  figure.innerHTML = `<div class="head"><h4>${title}</h4></div><div class="controls"></div>` +
    `<div class="chart"></div><p class="readout"></p><figcaption>${caption}</figcaption>`;
  const part = (selector) => figure.querySelector(selector);
  const name = () => `run-${explorer.state.run}-step-${explorer.state.step}-${source.name()}`;
  if (typeof saveButtons === "function") part(".head").append(saveButtons(figure, { ...source, name }));
  return { figure, controls: part(".controls"), chart: part(".chart"), readout: part(".readout"), caption: part("figcaption") };
}

// The limits of values: over all steps of the run, found once, or over the ones of this step alone. Low is at most 0.
function explorerLimits(explorer, name, ofTraining, ofStep) {
  const { run, state } = explorer;
  if (state.scale === "step") return explorerRange(ofStep());
  if (!run.limits.has(name)) run.limits.set(name, explorerRange(ofTraining()));
  return run.limits.get(name);
}

function explorerRange(values) {
  let low = 0, high = 0;
  for (const value of values) {
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  return { low, high: high > low ? high : low + 1 };
}

// A choice in a figure's controls that sets a part of the state. `options()` are [value, words].
function explorerChoice(explorer, controls, name, words, options) {
  const label = document.createElement("label"), select = document.createElement("select");
  label.append(`${words} `, select);
  controls.append(label);
  select.addEventListener("change", () => explorer.set({ [name]: select.value }), { signal: explorer.ending.signal });
  return () => {
    const markup = options().map(([value, text]) => `<option value="${value}">${chartEscaped(text)}</option>`).join("");
    if (markup !== select.dataset.markup) select.innerHTML = select.dataset.markup = markup;
    select.value = String(explorer.state[name]);
  };
}

// Says what is under the pointer, as `words(event)` has it, and answers clicks.
function explorerPointer(explorer, { chart, readout }, words, clicked) {
  const { signal } = explorer.ending;
  chart.addEventListener("pointermove", (event) => { readout.innerHTML = words(event) ?? ""; }, { signal });
  chart.addEventListener("pointerleave", () => { readout.textContent = ""; }, { signal });
  if (clicked) chart.addEventListener("click", clicked, { signal });
}

// Whether tokens are their own elements of the group, as in addition.
function explorerInOrder(run) {
  return Object.values(run.facts.elements).every((tokens) => tokens.every((token, place) => token === place));
}

// The last network, in words: of a run that diverged the last whose logits are numbers.
function explorerLast({ facts: { last, steps } }) {
  return last === steps.at(-1) ? "the last network" : `the network at step ${chartNumber(last)}, the last before it diverged`;
}

// The places of the frequencies that the figures single out: the key ones of the last network, or else, five that are
// strongest in its logits.
function explorerKeys(run) {
  if (run.keys) return run.keys;
  const { labels, key, steps } = run.facts, last = run.part("logit_cosine", steps.indexOf(run.facts.last));
  const strongest = labels.map((_, place) => place).sort((i, j) => Math.abs(last[j]) - Math.abs(last[i]));
  run.keys = key.length ? key.map((label) => labels.indexOf(label)) : strongest.slice(0, 5).sort((i, j) => i - j);
  return run.keys;
}
