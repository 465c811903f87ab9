// The embedding of all tokens in the plane of one frequency.

function explorerCircle(explorer) {
  let svg = "", places = [];
  const points = () => {
    const { run, at, state } = explorer;
    return run.part("circles", at, run.facts.circles.indexOf(state.k));
  };
  const parts = explorerFigure(explorer, {
    kind: "circle", title: "Tokens on a circle",
    caption: "Each token's embedding along the unit vectors of W<sub>E</sub>ᵀ cos<sub>k</sub> and W<sub>E</sub>ᵀ sin<sub>k</sub>; " +
      "colour and line follow k·a, the order that the task asks for. The plane is fitted to the same embeddings: even random " +
      "ones make a ragged ring.",
    source: {
      name: () => `circle-${explorer.state.k}`,
      svg: () => chartAlone(svg),
      csv: () => ({
        header: ["token", "along cos (1)", "along sin (1)"],
        rows: explorer.run.facts.elements.a.map((token, x) => [token, points()[2 * x], points()[2 * x + 1]]),
      }),
    },
  });
  const choose = explorerChoice(explorer, parts.controls, "k", "frequency k", () => {
    const { circles, key } = explorer.run.facts;
    return circles.map((k) => [k, key.includes(k) ? `${k} (key)` : String(k)]);
  });
  explorerPointer(explorer, parts, (event) => {
    const box = parts.chart.getBoundingClientRect();
    const far = places.map(([x, y]) => Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y));
    const x = far.indexOf(Math.min(...far));
    const [first, second] = points().subarray(2 * x);
    return far[x] < 16 ? `token <b>${explorer.run.facts.elements.a[x]}</b>: ${chartNumber(first)} along cos, ${chartNumber(second)} along sin` : "";
  });
  return {
    ...parts,
    fits: () => explorer.state.k !== null,
    draw: () => {
      choose();
      ({ svg, places } = explorerRing(explorer, points(), parts.chart.clientWidth));
      parts.chart.innerHTML = svg;
    },
  };
}

function explorerRing(explorer, points, width) {
  const { run, state } = explorer, { order: n, elements } = run.facts, k = state.k;
  const { low, high } = explorerLimits(explorer, `circle ${k}`, () => explorerAllOf(run, k), () => points);
  const reach = 1.06 * Math.max(-low, high), size = Math.min(width - 60, 420), left = (width - size - 50) / 2 + 50;
  const axis = (which) => ({ low: -reach, high: reach, title: `along ${which} ${k} (pure number)`, ticks: chartTicks(-reach, reach, 4) });
  const frame = chartFrame({ width, height: size + 48, left, right: width - left - size, top: 8, x: axis("cos"), y: axis("sin") });
  const places = elements.a.map((_, x) => [frame.px(points[2 * x]), frame.py(points[2 * x + 1])].map((v) => (Number.isFinite(v) ? v : -99)));
  const turn = elements.a.map((_, x) => (k * x) % n);
  const around = turn.map((_, x) => x).sort((one, two) => turn[one] - turn[two] || one - two);
  const path = around.map((x) => places[x].map((v) => v.toFixed(1)).join(",")).join(" ");
  const few = n <= 64, radius = few ? Math.max(5.5, Math.min(8.5, size / 36)) : 4;
  const dots = around.map((x, i) => {
    const [px, py] = places[x].map((v) => v.toFixed(1)), colour = colourAround(turn[x] / n);
    const dot = `<circle data-token="${elements.a[x]}" cx="${px}" cy="${py}" r="${radius}" fill="${colour}"/>`;
    if (few) return dot + chartText(px, Number(py) + 3, elements.a[x], { size: radius * 1.08, fill: explorerOn(colour) });
    if (i % 4) return dot;
    const [dx, dy] = [px - frame.px(0), py - frame.py(0)], far = 12 / (Math.hypot(dx, dy) || 1);
    return dot + chartText((Number(px) + far * dx).toFixed(1), (Number(py) + far * dy + 3).toFixed(1), elements.a[x], { size: 9 });
  });
  const cross = chartLine(frame.px(-reach), frame.py(0), frame.px(reach), frame.py(0)) + chartLine(frame.px(0), frame.py(-reach), frame.px(0), frame.py(reach));
  const sizes = elements.a.map((_, x) => Math.hypot(points[2 * x], points[2 * x + 1])).sort((one, two) => one - two);
  const label = `Embedding of ${n} tokens in the plane of frequency ${k} at step ${state.step}: distance from the centre ` +
    `${chartNumber(sizes[0])} to ${chartNumber(sizes[n - 1])}, median ${chartNumber(sizes[n >> 1])}`;
  const line = `<polygon points="${path}" fill="none" stroke="var(--soft)" stroke-width="1" opacity="0.45"/>`;
  return { places, svg: chartSvg(width, size + 48, frame.axes + cross + line + dots.join(""), label) };
}

// The coordinates of a frequency's circle at all steps.
function explorerAllOf(run, k) {
  const place = run.facts.circles.indexOf(k);
  return run.facts.steps.flatMap((_, at) => [...run.part("circles", at, place)]);
}

// Black or white, whichever is read better on a colour.
function explorerOn(colour) {
  const [red, green, blue] = colour.match(/\d+/g).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 125 ? "#000" : "#fff";
}
