// What a reader has chosen stands in the address's fragment, so that a reload or a new page of the same store keeps it:
// #study-0;run=2;step=1500;hide=1.3;loss.y=linear&study-1;run=4

function stateOfAll() {
  const found = new Map();
  for (const part of location.hash.slice(1).split("&").filter(Boolean)) {
    const [id, ...entries] = part.split(";");
    const pairs = entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]);
    try {
      found.set(decodeURIComponent(id), Object.fromEntries(pairs.map((pair) => pair.map(decodeURIComponent))));
    } catch {
      // A broken fragment chooses nothing.
    }
  }
  return found;
}

const stateOf = (id) => stateOfAll().get(id) ?? {};

// Changes some entries of an article's state; those that are undefined or empty are taken out.
function stateChange(id, changes) {
  const all = stateOfAll();
  const mine = { ...(all.get(id) ?? {}), ...changes };
  for (const [name, value] of Object.entries(mine)) if (value === undefined || value === "") delete mine[name];
  all.set(id, mine);
  const parts = [...all].filter(([, entries]) => Object.keys(entries).length).map(([name, entries]) => [
    encodeURIComponent(name),
    ...Object.entries(entries).map((pair) => pair.map(encodeURIComponent).join("=")),
  ].join(";"));
  history.replaceState(history.state, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
}
