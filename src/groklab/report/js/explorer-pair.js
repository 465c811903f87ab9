// How the key frequencies' cosines add up to an answer, for one pair (a, b).

function explorerPair(explorer) {
  let svg = "", found = null, frame = null;
  const parts = explorerFigure(explorer, {
    kind: "pair", title: "How cosines add up to the answer",
    caption: 'For one pair, each key frequency\'s α<sub>k</sub> cos w<sub>k</sub>(a + b − c) over the answers c, and their sum, ' +
      'thick<span class="elements"></span>. <span class="share"></span>',
    source: {
      name: () => `cosines-${explorer.state.a}-${explorer.state.b}`,
      svg: () => chartAlone(svg),
      csv: () => ({
        header: ["answer", ...found.places.map((place) => `frequency ${explorer.run.facts.labels[place]} (nats)`), "sum (nats)"],
        rows: explorer.run.facts.elements.answer.map((token, z) => [token, ...found.waves.map((wave) => wave[z]), found.sum[z]]),
      }),
    },
  });
  const inputs = explorerPairInputs(explorer, parts.controls);
  const result = document.createElement("p"), legend = document.createElement("div");
  result.className = "result";
  legend.className = "legend";
  parts.chart.before(result);
  parts.chart.after(legend);
  explorerPointer(explorer, parts, (event) => {
    if (!frame) return "";
    const { elements } = explorer.run.facts, left = parts.chart.getBoundingClientRect().left;
    const z = Math.round(((event.clientX - left - frame.left) / frame.width) * (elements.answer.length - 1));
    return found.sum[z] === undefined ? "" : `answer <b>${elements.answer[z]}</b>: sum <b>${chartNumber(found.sum[z])}</b> nats`;
  });
  return {
    ...parts,
    fits: () => true,
    draw: () => {
      inputs();
      found = explorerSum(explorer);
      ({ svg, frame } = explorerWaves(explorer, found, parts.chart.clientWidth));
      parts.chart.innerHTML = svg;
      result.innerHTML = explorerResult(explorer, found);
      const { labels, key } = explorer.run.facts;
      legend.innerHTML = found.places.map((place, n) => `<span>${explorerSample(n)} k = ${labels[place]}, α = ${chartNumber(found.alpha[place])}</span>`).join("");
      parts.caption.querySelector(".elements").textContent = explorerInOrder(explorer.run) ? "" : "; a, b and c stand for their elements of the group";
      const share = (places) => `${chartNumber(100 * networkShare(explorer.run, explorer.at, places))} %`;
      const shares = () => `At this step these ${found.places.length} cosines are ${share(found.places)} of the ` +
        `variance of the logits, those of all frequencies ${share(labels.map((_, place) => place))}; the rest is not drawn.`;
      parts.caption.querySelector(".share").textContent = (found.finite ? shares() : "At this step the logits are not finite.") +
        (key.length ? "" : ` There is no key frequency in ${explorerLast(explorer.run)}: drawn are the five that are largest in it.`);
    },
  };
}

// Inputs for the two tokens and a button that draws a pair.
function explorerPairInputs(explorer, controls) {
  const { signal } = explorer.ending;
  const inputs = ["a", "b"].map((name) => {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type: "number", inputMode: "numeric", step: "1" });
    label.append(`${name} `, input);
    controls.append(label);
    input.addEventListener("input", () => { if (input.value !== "") explorer.set({ [name]: input.value }); }, { signal });
    // What is no token becomes the one that is shown.
    input.addEventListener("change", () => { input.value = String(explorer.state[name]); }, { signal });
    return input;
  });
  const random = document.createElement("button");
  Object.assign(random, { type: "button", textContent: "random pair" });
  random.addEventListener("click", () => {
    const any = (tokens) => tokens[Math.floor(Math.random() * tokens.length)];
    explorer.set({ a: any(explorer.run.facts.elements.a), b: any(explorer.run.facts.elements.b) });
  }, { signal });
  controls.append(random);
  return () => inputs.forEach((input, place) => {
    const name = "ab"[place], tokens = explorer.run.facts.elements[name];
    Object.assign(input, { min: String(Math.min(...tokens)), max: String(Math.max(...tokens)) });
    if (document.activeElement !== input) input.value = String(explorer.state[name]);
  });
}

// The waves and their sum at the state's pair, whether it is finite, the right answer's place and the place where the
// sum is largest.
function explorerSum(explorer) {
  const { run, at, state } = explorer, { elements, order: n } = run.facts, places = explorerKeys(run);
  const [x, y] = [elements.a.indexOf(state.a), elements.b.indexOf(state.b)];
  const { waves, sum, alpha } = networkCosines(run, at, x, y, places);
  const best = sum.indexOf(Math.max(...sum)), right = (x + y) % n;
  const others = Math.max(...sum.filter((_, z) => z !== right));
  return {
    places, waves, sum, alpha, best, right, lead: sum[right] - others, finite: sum.every(Number.isFinite),
    trained: run.part("trained", x, y)[0] === 1,
  };
}

function explorerResult(explorer, { sum, best, right, lead, trained, finite }) {
  const { facts } = explorer.run, { a, b } = explorer.state, { answer } = facts.elements;
  const task = facts.formula.replace(/\b[xy]\b/g, (name) => (name === "x" ? a : b));
  const good = finite && best === right && lead > 0;
  const said = !finite ? "the sum is not finite" : sum.every((value) => value === sum[0]) ? "the sum is flat"
    : good ? `the sum says ${answer[best]}, by ${chartNumber(lead)} nats` : `the sum says ${answer[best]}`;
  return `<b>${chartEscaped(task)} = ${answer[right]}</b> <span class="${good ? "good" : "bad"}">${good ? "✓" : "✗"} ${said}</span> ` +
    `<span class="split">pair ${trained ? "trained on" : "not trained on"}</span>`;
}

function explorerSample(n) {
  return `<svg width="26" height="8" aria-hidden="true"><line x1="1" y1="4" x2="25" y2="4" stroke="${colourOfKey(n)}" ` +
    `stroke-width="2" stroke-dasharray="${dashOfKey(n)}"/></svg>`;
}

function explorerWaves(explorer, { places, waves, sum, best, right, finite }, width) {
  const { run, state } = explorer, { order: n, elements, steps } = run.facts;
  // The sum depends on a + b - c alone, so that one pair has the range of all.
  const bounds = () => steps.flatMap((_, at) => {
    const { waves: all, sum: whole } = networkCosines(run, at, 0, 0, places);
    return [...whole, ...all.flatMap((wave) => [...wave])];
  });
  const { low, high } = explorerLimits(explorer, "pair", bounds, () => [...sum, ...waves.flatMap((wave) => [...wave])]);
  const frame = chartFrame({
    width, height: 300, left: 50, top: 24,
    x: { low: 0, high: n - 1, title: "answer c (token)", ticks: [] },
    y: { low, high, title: "logit (nats)" },
  });
  const path = (values) => Array.from(values, (v, z) => `${frame.px(z).toFixed(1)},${frame.py(v).toFixed(1)}`).join(" ");
  const end = frame.top + frame.height, parts = [frame.axes];
  for (const z of chartTicks(0, n - 1, frame.width / 55).map(Math.round)) {
    parts.push(chartLine(frame.px(z), end, frame.px(z), end + 4, "var(--soft)"), chartText(frame.px(z), end + 16, elements.answer[z]));
  }
  const at = frame.px(right);
  parts.push(chartLine(at, frame.top, at, end, "var(--good)", 'stroke-width="1.5" stroke-dasharray="3 3"'));
  parts.push(chartText(at, frame.top - 8, `right: ${elements.answer[right]}`, {
    anchor: right < 0.15 * n ? "start" : right > 0.85 * n ? "end" : "middle", size: 12, fill: "var(--good)", more: 'font-weight="700"',
  }));
  if (!finite) {
    parts.push(chartText(frame.left + frame.width / 2, frame.top + frame.height / 2, "not finite", { size: 14 }));
    return { frame, svg: chartSvg(width, 300, parts.join(""), `The logits at step ${state.step} are not finite`) };
  }
  waves.forEach((wave, order) => parts.push(`<polyline points="${path(wave)}" fill="none" stroke="${colourOfKey(order)}" ` +
    `stroke-width="1.6" stroke-dasharray="${dashOfKey(order)}"/>`));
  parts.push(`<polyline points="${path(sum)}" fill="none" stroke="var(--ink)" stroke-width="3" stroke-linejoin="round"/>`);
  const colour = best === right ? "var(--good)" : "var(--bad)";
  parts.push(`<circle cx="${frame.px(best)}" cy="${frame.py(sum[best])}" r="5.5" fill="${colour}" stroke="var(--card)" stroke-width="1.5"/>`);
  const label = `Cosines of frequencies ${places.map((place) => run.facts.labels[place]).join(", ")} over the answers for a = ${state.a}, ` +
    `b = ${state.b} at step ${state.step}: their sum is largest at ${elements.answer[best]} (${chartNumber(sum[best])} nats); right is ${elements.answer[right]}`;
  return { frame, svg: chartSvg(width, 300, parts.join(""), label) };
}
