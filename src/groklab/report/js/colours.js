// Scales of colours that colour-blind readers can follow: lightness tells the order in each.

// Viridis (Smith and van der Walt 2015), from low to high.
const COLOURS_RISING = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
// Once around the circle: blue, light blue, sand, orange, brown, violet; never as light or dark as a page's ground.
const COLOURS_AROUND = ["#3b5bb5", "#4f8fc4", "#7bb8bd", "#b9c292", "#d9a95a", "#cf7b3c", "#a8503f", "#7e3f63", "#553f92", "#3b5bb5"];

function colourParts(hex) {
  return [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
}

// 256 colours as bytes red, green, blue, from a list of stops.
function colourTable(stops) {
  const parts = stops.map(colourParts);
  const table = new Uint8Array(3 * 256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1);
    const left = Math.min(Math.floor(at), stops.length - 2);
    for (let c = 0; c < 3; c++) {
      table[3 * i + c] = Math.round(parts[left][c] + (at - left) * (parts[left + 1][c] - parts[left][c]));
    }
  }
  return table;
}

// The colour at a share of the way around the circle.
function colourAround(share) {
  colourAround.table ??= colourTable(COLOURS_AROUND);
  const place = 3 * Math.round(255 * (((share % 1) + 1) % 1));
  return `rgb(${colourAround.table.slice(place, place + 3).join(",")})`;
}

// The colour and the dashes of the n-th key frequency, the same in every figure.
function colourOfKey(n) {
  return `var(--key-${n % 7})`;
}

function dashOfKey(n) {
  return ["none", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 4"][n % 7];
}
