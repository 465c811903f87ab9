// The Fourier basis of functions on the numbers mod n, as groklab.groups.Cyclic has it.

// Rows of the orthonormal basis, one after the other: constant, cos 1, sin 1, cos 2, ..., for even n last (-1)^x.
function fourierBasis(n) {
  fourierBasis.made ??= new Map();
  if (fourierBasis.made.has(n)) return fourierBasis.made.get(n);
  const rows = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    const k = Math.ceil(row / 2), single = row === 0 || 2 * k === n;
    for (let x = 0; x < n; x++) {
      const angle = (2 * Math.PI * ((k * x) % n)) / n;
      const wave = row % 2 || row === 0 ? Math.cos(angle) : Math.sin(angle);
      rows[row * n + x] = wave * Math.sqrt((single ? 1 : 2) / n);
    }
  }
  fourierBasis.made.set(n, rows);
  return rows;
}

// The root mean square over all pairs of each component of a function f[x n + y], by frequency in x and in y, 0 for
// constant, cos and sin merged: (1 + n/2)^2 numbers. Their squares add up to the mean square of f.
function fourierOfPairs(values, n) {
  const rows = fourierBasis(n), half = new Float64Array(n * n), count = Math.floor(n / 2) + 1;
  for (let i = 0; i < n; i++) {
    for (let x = 0; x < n; x++) {
      const weight = rows[i * n + x];
      for (let y = 0, to = i * n, from = x * n; y < n; y++) half[to++] += weight * values[from++];
    }
  }
  const power = new Float64Array(count * count);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let y = 0; y < n; y++) sum += half[i * n + y] * rows[j * n + y];
      power[Math.ceil(i / 2) * count + Math.ceil(j / 2)] += sum * sum;
    }
  }
  return power.map((p) => Math.sqrt(p) / n);
}
