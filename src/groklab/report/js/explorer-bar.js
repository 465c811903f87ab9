// The explorer's controls: play, the slider over its phases, what it stands at, choice of run; and beneath, settings.

const EXPLORER_SPEEDS = [4, 8, 16, 32];

function explorerBar(explorer) {
  const element = document.createElement("div"), settings = document.createElement("div"), { signal } = explorer.ending;
  element.className = "explorer-bar";
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Moment of training");
  const runs = explorer.runs.map(({ facts }) => `<option value="${facts.run}">${chartEscaped(facts.name)}</option>`);
  const speeds = EXPLORER_SPEEDS.map((speed) => `<option value="${speed}"${speed === 8 ? " selected" : ""}>${speed} a second</option>`);
  element.innerHTML = `
<button type="button" class="play" aria-label="Play" title="Play: one kept network after the other"></button>
<div class="track"><div class="phases" aria-hidden="true"></div>
<input type="range" min="0" step="1" aria-label="Step of training"></div>
<output class="where"></output>
<label${explorer.runs.length > 1 ? "" : " hidden"}><select data-state="run" aria-label="Run">${runs.join("")}</select></label>
<p class="lacking" role="status" hidden></p><p class="sr said" role="status"></p>`;
  settings.className = "explorer-settings";
  settings.innerHTML = `
<label>play <select class="speed" aria-label="Speed of play">${speeds.join("")}</select></label>
<label>scales <select data-state="scale" aria-label="Scales"><option value="training">fixed over training</option>` +
    `<option value="step">fit each step</option></select></label>`;
  const part = (selector) => element.querySelector(selector) ?? settings.querySelector(selector);
  const selects = [part("[data-state=run]"), part("[data-state=scale]")];
  const slider = part("input"), where = part(".where"), status = part(".said"), speed = part(".speed");
  const go = (index) => explorer.set({ step: explorer.run.facts.steps[index] });
  const playing = explorerPlaying(explorer, () => Number(speed.value), part(".play"));
  slider.addEventListener("input", () => { playing.stop(); go(Number(slider.value)); }, { signal });
  part(".play").addEventListener("click", () => playing.toggle(), { signal });
  for (const select of selects) {
    select.addEventListener("change", () => explorer.set({ [select.dataset.state]: select.value }), { signal });
  }
  let saying = 0;
  signal.addEventListener("abort", () => clearTimeout(saying));
  const show = () => {
    const { facts } = explorer.run, words = explorerWords(explorer);
    slider.max = String(facts.steps.length - 1);
    slider.value = String(explorer.at);
    slider.setAttribute("aria-valuetext", words.said);
    where.innerHTML = words.shown;
    for (const select of selects) select.value = String(explorer.state[select.dataset.state]);
    part(".lacking").hidden = explorer.lacking === null;
    part(".lacking").textContent = explorer.lacking === null ? ""
      : `Run ${explorer.lacking} is in view, and is not in the explorer: here is ${facts.name}.`;
    if (facts !== show.facts) part(".phases").innerHTML = explorerPhases((show.facts = facts));
    // A reader hears where the slider stopped, not each step that it passed.
    clearTimeout(saying);
    if (!playing.on) saying = setTimeout(() => { status.textContent = words.said; }, 400);
  };
  return { element, settings, show };
}

// Steps through the networks at a pace; pressed at the end it begins anew.
function explorerPlaying(explorer, speed, button) {
  let frame = 0, due = 0;
  const last = () => explorer.run.facts.steps.length - 1;
  const tick = (now) => {
    if (now >= due) {
      due = Math.max(due + 1000 / speed(), now);
      explorer.set({ step: explorer.run.facts.steps[explorer.at + 1] });
    }
    if (explorer.at >= last()) playing.stop();
    else frame = requestAnimationFrame(tick);
  };
  const show = () => {
    const word = playing.on ? "Pause" : "Play";
    button.setAttribute("aria-label", word);
    button.classList.toggle("on", playing.on);
  };
  const playing = {
    on: false,
    stop: () => {
      cancelAnimationFrame(frame);
      if (playing.on) { playing.on = false; show(); explorer.bar?.show(); }
    },
    toggle: () => {
      if (playing.on) return playing.stop();
      playing.on = true;
      show();
      if (explorer.at >= last()) explorer.set({ step: explorer.run.facts.steps[0] });
      due = performance.now() + 1000 / speed();
      frame = requestAnimationFrame(tick);
    },
  };
  explorer.ending.signal.addEventListener("abort", playing.stop);
  show();
  return playing;
}

// The phase that a step lies in, in words; empty before the first or where the rule found none.
function explorerPhase(facts, step) {
  const begun = facts.phases.filter((phase) => phase.begin <= step);
  const phase = begun.at(-1);
  if (!phase) return "";
  const over = phase.end !== null && step >= phase.end;
  return over ? (phase === facts.phases.at(-1) ? `after ${phase.name}` : "") : phase.name;
}

function explorerWords(explorer) {
  const { run, at, state } = explorer, phase = explorerPhase(run.facts, state.step);
  const value = (name) => run.part(name, at)[0];
  const known = (number, unit) => `${chartNumber(number)}${Number.isFinite(number) ? ` ${unit}` : ""}`;
  const step = chartNumber(state.step), loss = known(value("test_loss"), "nats");
  const accuracy = known(100 * value("test_accuracy"), "%");
  // An untrained network has a finite loss wherever there are pairs to test on.
  const tested = Number.isFinite(run.part("test_loss", 0)[0]);
  const said = tested ? [`test loss ${loss}`, `test accuracy ${accuracy}`] : ["no test pairs"];
  const shown = tested
    ? `<span>test loss <b>${loss}</b></span> <span class="more">test accuracy <b>${accuracy}</b></span>`
    : "<span>no test pairs</span>";
  return {
    said: [`step ${step}`, phase, ...said].filter(Boolean).join(", "),
    shown: `<b>step ${step}</b>${phase ? ` <span class="phase">${phase}</span>` : ""} ${shown}`,
  };
}

// The phases as bands under the slider, whose way is even in the kept networks, not in steps.
function explorerPhases(facts) {
  const { steps, phases } = facts, last = steps.length - 1;
  const place = (step) => {
    const after = steps.findIndex((one) => one >= step);
    if (after <= 0) return after ? last : 0;
    return after - (steps[after] - step) / (steps[after] - steps[after - 1]);
  };
  return phases.map(({ name, begin, end }, index) => {
    const next = phases[index + 1]?.begin ?? Infinity;
    const [from, to] = [place(begin), place(end ?? next)].map((at) => (100 * at) / last);
    const number = ["memorisation", "circuit formation", "clean-up"].indexOf(name);
    return `<i class="band-${number}" style="left:${from}%;width:${Math.max(0, to - from)}%" title="${name}"></i>`;
  }).join("");
}
