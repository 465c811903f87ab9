// Light and dark: as the system says until the switch in the page's head is used.

const themeSystem = window.matchMedia("(prefers-color-scheme: dark)");

const themeChosen = () => document.documentElement.dataset.theme;
const themeIsDark = () => (themeChosen() ? themeChosen() === "dark" : themeSystem.matches);

function themeColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "card", "ink", "soft", "line", "accent", "phase-0", "phase-1", "phase-2", "phase-edge"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// What a saved picture is drawn in, whatever the page looks like.
const THEME_PRINT = {
  paper: "#ffffff", card: "#ffffff", ink: "#1b1f24", soft: "#57606c", line: "#dde1e7", accent: "#00639c",
  "phase-0": "rgba(230, 159, 0, .15)", "phase-1": "rgba(86, 180, 233, .17)", "phase-2": "rgba(0, 158, 115, .13)",
  "phase-edge": "rgba(27, 31, 36, .10)",
};

function themeStart() {
  const button = document.querySelector("button.theme");
  const say = () => {
    button.textContent = themeIsDark() ? "light" : "dark";
    button.setAttribute("aria-label", `switch to the ${button.textContent} page`);
  };
  const changed = () => {
    say();
    document.dispatchEvent(new CustomEvent("groklab:theme"));
  };
  // A browser may refuse to remember anything for a file.
  const remembered = (choice) => {
    try {
      if (choice) localStorage.setItem("groklab-theme", choice);
      return localStorage.getItem("groklab-theme");
    } catch {
      return null;
    }
  };
  const before = remembered();
  if (before === "light" || before === "dark") document.documentElement.dataset.theme = before;
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = themeIsDark() ? "light" : "dark";
    remembered(themeChosen());
    changed();
  });
  themeSystem.addEventListener("change", () => { if (!themeChosen()) changed(); });
  say();
}

// Red, green, blue and opacity of `#rrggbb`, `rgb(...)` or `rgba(...)`; nothing for what is none of these.
function themeParts(colour) {
  const hexadecimal = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (hexadecimal) return [...hexadecimal.slice(1).map((part) => parseInt(part, 16)), 1];
  const named = /^rgba?\(([^)]*)\)$/.exec(colour);
  if (!named) return null;
  const parts = named[1].split(",").map(Number);
  return parts.length === 3 ? [...parts, 1] : parts;
}

// Relative luminance and contrast as the WCAG define them.
function themeLuminance(parts) {
  const [red, green, blue] = parts.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function themeContrast(one, other) {
  const [low, high] = [themeLuminance(one), themeLuminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// A colour moved towards the ink until it stands out from the paper by 3 to 1, as lines and marks must.
function themeLegible(colour, colours) {
  const parts = themeParts(String(colour));
  const paper = themeParts(colours.card), ink = themeParts(colours.ink);
  if (!parts || parts[3] < 1 || !paper || !ink) return colour;
  let mixed = parts.slice(0, 3);
  for (let share = 0.06; themeContrast(mixed, paper) < 3 && share <= 1; share += 0.06) {
    mixed = parts.slice(0, 3).map((part, index) => Math.round(part + share * (ink[index] - part)));
  }
  return `rgb(${mixed.join(", ")})`;
}
