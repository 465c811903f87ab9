// Bars over frequency: the embedding, the neuron-logit map, the cosines in the logits.

const EXPLORER_SPECTRA = {
  embedding_norm: {
    title: "Embedding W<sub>E</sub>", y: "norm (pure number)", word: "norm",
    caption: "Norm of each frequency's part of W<sub>E</sub> along the tokens, cos and sin merged.",
  },
  neuron_logit_norm: {
    title: "Neuron-logit map W<sub>L</sub>", y: "norm (pure number)", word: "norm",
    caption: "Norm of each frequency's part of W<sub>L</sub> = W<sub>U</sub> W<sub>out</sub> along the answers.",
  },
  logit_cosine: {
    title: "Cosines in the logits", tall: 330, y: "coefficient α (nats)", word: "coefficient",
    caption: "Coefficient α<sub>k</sub> of cos w<sub>k</sub>(a + b − c) in the logits, by projection over all pairs and answers.",
  },
};

function explorerSpectrum(explorer, name) {
  const { title, y, word, caption, tall = 216 } = EXPLORER_SPECTRA[name];
  let svg = "", frame = null;
  const values = () => explorer.run.part(name, explorer.at);
  const parts = explorerFigure(explorer, {
    kind: `spectrum ${name.replaceAll("_", "-")}`, title,
    caption: `${caption} <span class="key-words"></span>`,
    source: {
      name: () => name.replaceAll("_", "-"),
      svg: () => chartAlone(svg),
      csv: () => ({
        header: ["frequency", `${name} (${name === "logit_cosine" ? "nats" : "1"})`, "key"],
        rows: explorer.run.facts.labels.map((k, i) => [k, values()[i], Number(explorer.run.facts.key.includes(k))]),
      }),
    },
  });
  const under = (event) => {
    const { labels } = explorer.run.facts, box = parts.chart.getBoundingClientRect();
    const k = Math.round(0.5 + ((event.clientX - box.left - frame.left) / frame.width) * labels.length);
    return labels.includes(k) ? k : null;
  };
  explorerPointer(explorer, parts, (event) => {
    const k = frame && under(event);
    return k && `frequency <b>${k}</b>${explorer.run.facts.key.includes(k) ? " (key)" : ""}: ${word} <b>${chartNumber(values()[k - 1])}</b>`;
  }, (event) => { if (frame && under(event)) explorer.set({ k: under(event) }); });
  return {
    ...parts,
    fits: () => explorer.run.has(name),
    draw: () => {
      ({ svg, frame } = explorerBars(explorer, name, values(), [parts.chart.clientWidth, tall], y));
      parts.chart.innerHTML = svg;
      const { key } = explorer.run.facts;
      parts.caption.querySelector(".key-words").textContent = key.length
        ? `Coloured, with their number: the key frequencies of ${explorerLast(explorer.run)}, ${key.join(", ")}.`
        : `There is no key frequency in ${explorerLast(explorer.run)}; coloured are the five with the largest cosines.`;
    },
  };
}

function explorerBars(explorer, name, values, [width, height], title) {
  const { run } = explorer, { labels } = run.facts, keys = explorerKeys(run);
  const { low, high } = explorerLimits(explorer, name, () => run.all(name), () => values);
  const frame = chartFrame({
    width, height, top: 22, left: 50,
    x: { low: 0.5, high: labels.length + 0.5, title: `frequency k (cycles in ${run.facts.order} tokens)` },
    y: { low, high, title },
  });
  const pitch = frame.width / labels.length, base = frame.py(0), bars = [], numbers = [];
  let taken = null;
  labels.forEach((k, i) => {
    const order = keys.indexOf(i), value = Number.isFinite(values[i]) ? values[i] : 0, end = frame.py(value);
    const [x, y, tall] = [frame.px(k) - 0.36 * pitch, Math.min(base, end), Math.abs(base - end)];
    const fill = order < 0 ? 'fill="var(--soft)" opacity="0.5"' : `fill="${colourOfKey(order)}"`;
    bars.push(`<rect data-k="${k}" x="${x.toFixed(2)}" y="${y.toFixed(2)}" width="${(0.72 * pitch).toFixed(2)}" height="${tall.toFixed(2)}" ${fill}/>`);
    if (order < 0) return;
    let over = y - 5;
    if (taken && frame.px(k) - taken.x < 15 && Math.abs(over - taken.y) < 11) over = taken.y - 11;
    taken = { x: frame.px(k), y: over };
    numbers.push(chartText(taken.x, over, k, { fill: colourOfKey(order), more: 'font-weight="700"' }));
  });
  const ground = chartLine(frame.left, base, frame.left + frame.width, base, "var(--soft)");
  const strongest = labels.map((k, i) => [k, values[i]]).sort((one, two) => Math.abs(two[1]) - Math.abs(one[1])).slice(0, 5);
  const label = `${name.replaceAll("_", " ")} by frequency at step ${explorer.state.step}; largest: ` +
    strongest.map(([k, value]) => `${chartNumber(value)} at ${k}`).join(", ");
  return { frame, svg: chartSvg(width, height, frame.axes + bars.join("") + ground + numbers.join(""), label) };
}
