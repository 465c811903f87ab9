// The explorer: one slider moves through the kept networks of a run, and every figure follows.

// Builds the explorer in `root` from what `unpack` gave of report/explorer.py's data. `state` may have any of run, step,
// k, head, operand, neuron, a, b and scale; what does not fit is ignored. The answer has state(), set(state), destroy().
function mountExplorer(root, unpacked, state = {}) {
  const runs = unpacked.meta.runs.map((facts) => explorerRun(facts, unpacked.arrays));
  const explorer = {
    root, runs, state: explorerCleaned(runs, {}, state), lacking: explorerLacking(runs, state.run), ending: new AbortController(),
  };
  Object.defineProperties(explorer, {
    run: { get: () => runs.find((run) => run.facts.run === explorer.state.run) },
    at: { get: () => explorer.run.facts.steps.indexOf(explorer.state.step) },
  });
  const bar = (explorer.bar = explorerBar(explorer)), body = document.createElement("div");
  const views = [
    explorerSpectrum(explorer, "embedding_norm"), explorerSpectrum(explorer, "neuron_logit_norm"),
    explorerCircle(explorer), explorerAttention(explorer), explorerNeuron(explorer),
    explorerSpectrum(explorer, "logit_cosine"), explorerPair(explorer),
  ];
  const drawing = explorerDrawing(explorer, views);
  explorer.set = (changes) => {
    const before = explorer.state, lacked = explorer.lacking;
    explorer.lacking = explorerLacking(runs, changes.run, lacked);
    explorer.state = explorerCleaned(runs, before, changes);
    const changed = Object.keys(explorer.state).filter((name) => explorer.state[name] !== before[name]);
    if (changed.length || explorer.lacking !== lacked) bar.show();
    if (!changed.length) return;
    drawing.all();
    explorerTell(explorer, changed.includes("run") || changed.includes("step"));
  };
  root.classList.add("explorer");
  body.className = "explorer-body";
  body.append(bar.settings, ...views.map((view) => view.figure));
  root.replaceChildren(bar.element, body);
  if (unpacked.meta.left_out) body.insertAdjacentHTML("beforeend", `<p class="left-out">${chartEscaped(unpacked.meta.left_out)}</p>`);
  root.addEventListener("groklab:set-step", ({ detail }) => explorer.set(detail), { signal: explorer.ending.signal });
  bar.show();
  drawing.begin();
  explorerTell(explorer, true);
  return {
    state: () => ({ ...explorer.state }),
    set: (changes) => explorer.set(changes),
    destroy: () => {
      explorer.ending.abort();
      root.replaceChildren();
    },
  };
}

// A run's facts and arrays: part(name, i, j, ...) is the array at these first indices.
function explorerRun(facts, arrays) {
  const of = (name) => arrays[`${facts.run}.${name}`];
  const part = (name, ...indices) => {
    const { shape, data } = of(name);
    const size = shape.slice(indices.length).reduce((product, length) => product * length, 1);
    const start = indices.reduce((place, index, axis) => place * shape[axis] + index, 0) * size;
    return data.subarray(start, start + size);
  };
  return { facts, part, has: (name) => of(name) !== undefined, all: (name) => of(name).data, limits: new Map() };
}

// The number of a run that was asked for and is not here; null where there is no such.
function explorerLacking(runs, asked, before = null) {
  if (asked === undefined || asked === null || asked === "") return before;
  const run = Number(asked);
  return Number.isInteger(run) && !runs.some((one) => one.facts.run === run) ? run : null;
}

// The state after changes: each part as asked for where it fits, else as before, else a fitting one.
function explorerCleaned(runs, before, changes) {
  const asked = Object.fromEntries(Object.entries(changes).map(([name, value]) =>
    [name, name === "operand" || name === "scale" ? value : value === "" || value === null ? NaN : Number(value)]));
  const fitting = (name, values, otherwise) =>
    [asked[name], before[name], otherwise].find((value) => values.includes(value)) ?? null;
  const run = fitting("run", runs.map((one) => one.facts.run), runs[0].facts.run);
  const { facts } = runs.find((one) => one.facts.run === run);
  // Where the step was not asked for, a run that diverged opens where its logits were numbers still.
  const kept = run === before.run ? before.step : Math.min(before.step, facts.last);
  const wanted = [asked.step, kept, facts.last].find((step) => step !== undefined && !Number.isNaN(step));
  const far = (step) => Math.abs(step - wanted);
  const pair = ["a", "b"].map((name) => {
    const tokens = facts.elements[name];
    return fitting(name, tokens, tokens[Math.floor(tokens.length * (name === "a" ? 0.2 : 0.7))]);
  });
  return {
    run,
    step: facts.steps.reduce((best, step) => (far(step) < far(best) ? step : best)),
    k: fitting("k", facts.circles, facts.circles[0]),
    head: fitting("head", [...Array(facts.heads).keys()], 0),
    operand: fitting("operand", ["a", "b"], "a"),
    neuron: fitting("neuron", facts.neurons.map((one) => one.number), facts.neurons[0]?.number),
    a: pair[0],
    b: pair[1],
    scale: fitting("scale", ["training", "step"], "training"),
  };
}

// Draws the figures that are on the screen at the next frame, and the others when they come there.
function explorerDrawing(explorer, views) {
  const seen = new Set(), { signal } = explorer.ending;
  let frame = 0;
  const draw = (view) => {
    view.stale = false;
    view.figure.hidden = !view.fits();
    if (view.figure.hidden || !view.figure.clientWidth) return;
    try {
      view.draw();
    } catch (error) {
      // One figure that fails stops no other.
      console.error(error);
      view.readout.textContent = "This figure could not be drawn.";
    }
  };
  const later = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      for (const view of views) if (view.stale && seen.has(view)) draw(view);
    });
  };
  const stale = (view) => { view.stale = true; later(); };
  const coming = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const view = views.find((one) => one.figure === target);
      isIntersecting ? seen.add(view) : seen.delete(view);
    }
    later();
  }, { rootMargin: "150px" });
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const view = views.find((one) => one.figure.contains(target));
      if (view.width !== target.clientWidth) { view.width = target.clientWidth; stale(view); }
    }
  });
  window.addEventListener("beforeprint", () => views.forEach(draw), { signal });
  signal.addEventListener("abort", () => { coming.disconnect(); sizes.disconnect(); cancelAnimationFrame(frame); });
  return {
    all: () => {
      // What fits a run is known before it is seen: a hidden figure never comes into view by itself.
      for (const view of views) view.figure.hidden = !view.fits();
      views.forEach(stale);
    },
    begin: () => {
      for (const view of views) {
        view.stale = true;
        view.figure.hidden = !view.fits();
        coming.observe(view.figure);
        sizes.observe(view.figure.querySelector(".chart"));
      }
    },
  };
}

function explorerTell(explorer, moved) {
  const { root, state } = explorer;
  const tell = (name, detail) => root.dispatchEvent(new CustomEvent(`groklab:${name}`, { bubbles: true, detail }));
  if (moved) tell("step", { run: state.run, step: state.step });
  tell("state", { ...state });
}
