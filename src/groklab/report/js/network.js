// Pictures over all pairs of elements (x, y), f[x n + y], from the tables of report/snapshots.py.

// Exponentials of a head's scores at a step: of a over x, of b over y, of the constant positions; their common factor
// cancels in the softmax.
function networkExponentials(run, at, head) {
  const { order, elements, operands, positions } = run.facts;
  const table = run.part("scores", at, head), offsets = run.part("score_offsets", at, head);
  const of = (tokens, position) => Float64Array.from(tokens, (token) => table[token] + offsets[position]);
  const scores = [of(elements.a.slice(0, order), operands[0]), of(elements.b.slice(0, order), operands[1])];
  const constants = [...Array(positions).keys()].filter((p) => !operands.includes(p));
  const largest = Math.max(...scores[0], ...scores[1], ...constants.map((p) => offsets[p]));
  const [a, b] = scores.map((values) => values.map((score) => Math.exp(score - largest)));
  return { a, b, constants: constants.map((p) => [p, Math.exp(offsets[p] - largest)]) };
}

// The attention of a head from the last position to operand "a" or "b".
function networkAttention(run, at, head, operand) {
  const n = run.facts.order, picture = new Float32Array(n * n);
  const { a, b, constants } = networkExponentials(run, at, head);
  const rest = constants.reduce((sum, [, weight]) => sum + weight, 0);
  for (let x = 0; x < n; x++) {
    for (let y = 0; y < n; y++) picture[x * n + y] = (operand === "a" ? a[x] : b[y]) / (a[x] + b[y] + rest);
  }
  return picture;
}

// The activation of the neuron at a place in the list of chosen ones.
function networkNeuron(run, at, place) {
  const { order: n, elements, operands, heads, activation } = run.facts;
  const picture = new Float64Array(n * n).fill(run.part("bias", at)[place]);
  for (let head = 0; head < heads; head++) {
    const { a, b, constants } = networkExponentials(run, at, head);
    const table = run.part("shares", at, place, head), offsets = run.part("share_offsets", at, place, head);
    let rest = 0, held = 0;
    for (const [p, weight] of constants) { rest += weight; held += weight * offsets[p]; }
    const fromA = a.map((weight, x) => weight * (table[elements.a[x]] + offsets[operands[0]]));
    const fromB = b.map((weight, y) => weight * (table[elements.b[y]] + offsets[operands[1]]));
    for (let x = 0, i = 0; x < n; x++) {
      for (let y = 0; y < n; y++) picture[i++] += (fromA[x] + fromB[y] + held) / (a[x] + b[y] + rest);
    }
  }
  return picture.map(activation === "gelu" ? (v) => v * networkNormal(v) : (v) => (v > 0 ? v : 0));
}

// The normal distribution function, to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26).
function networkNormal(v) {
  const z = Math.abs(v) / Math.SQRT2, t = 1 / (1 + 0.3275911 * z);
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const erf = 1 - tail * Math.exp(-z * z);
  return (1 + (v < 0 ? -erf : erf)) / 2;
}

// For a pair of elements: the cosines alpha_k cos w_k(x + y - z) over the answers z, for some frequencies (places in
// the list of labels), and their sum.
function networkCosines(run, at, x, y, places) {
  const { order: n, labels } = run.facts, alpha = run.part("logit_cosine", at);
  const sum = new Float64Array(n);
  const waves = places.map((place) => {
    const wave = new Float64Array(n);
    for (let z = 0; z < n; z++) {
      wave[z] = alpha[place] * Math.cos((2 * Math.PI * ((labels[place] * (x + y - z + n)) % n)) / n);
      sum[z] += wave[z];
    }
    return wave;
  });
  return { waves, sum, alpha };
}

// What share of the logits' variance the cosines of some frequencies are, from the share of all of them. The squared
// norm of a cosine is the same for all but n / 2, whose is twice as large.
function networkShare(run, at, places) {
  const { order: n, labels } = run.facts, alpha = run.part("logit_cosine", at);
  const power = (place) => alpha[place] ** 2 * (2 * labels[place] === n ? 2 : 1);
  const all = labels.reduce((sum, _, place) => sum + power(place), 0);
  const some = places.reduce((sum, place) => sum + power(place), 0);
  return all > 0 ? (run.part("trig_share", at)[0] * some) / all : 0;
}
