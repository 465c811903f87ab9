// Brings articles to life. `mount` may be called again for an article that took another one's place.

async function pageMount(article) {
  const text = (name) => article.querySelector(`script[data-pack="${name}"]`)?.textContent;
  const state = stateOf(article.id);
  const { meta: facts, arrays } = await unpack(text("curves"));
  const byNumber = new Map(facts.runs.map((run) => [run.run, run]));
  const figures = [...article.querySelectorAll("figure[data-name]")];
  const queue = figureQueue(figures);
  const asked = Number(state.run ?? NaN);
  const page = {
    facts, arrays, queue, step: undefined,
    run: byNumber.has(asked) ? asked : pageFirstRun(facts.runs),
    hidden: new Set((state.hide ?? "").split(".").filter(Boolean).map(Number).filter((run) => byNumber.has(run))),
    name: (run) => byNumber.get(run)?.name ?? String(run),
    // Another run than those of the explorer stays in view only where somebody chose it.
    chosen: byNumber.has(asked),
    phases: (run) => byNumber.get(run)?.phases ?? [],
    lastStep: (run) => byNumber.get(run)?.last ?? 0,
    see: (run) => pageSee(article, run),
  };
  article.page = page;
  pageColours(article);
  page.themed = () => {
    pageColours(article);
    queue.changed();
  };
  document.addEventListener("groklab:theme", page.themed);
  page.printed = () => queue.all();
  window.addEventListener("beforeprint", page.printed);
  controlAxes(article, queue);
  controlChoices(article, queue);
  controlRuns(article, queue);
  controlFilter(article);
  controlFolds(article);
  for (const figure of figures) figure.querySelector(".head").append(saveButtons(figure, savePlot(figure)));
  article.querySelector(".run-focus").addEventListener("change", ({ target }) => page.see(Number(target.value)));
  await pageExplorer(article, text("explorer"), state).catch((error) => pageWithoutExplorer(article, error));
  if (article.page !== page) return;
  pageShowRun(article);
  queue.start();
}

// The first run with the most phases: in a sweep many have none.
function pageFirstRun(runs) {
  const seen = ({ phases }) => phases.filter(({ begin, end }) => begin && end).length;
  return runs.reduce((best, run) => (seen(run) > seen(best) ? run : best), runs[0])?.run;
}

async function pageExplorer(article, text, state) {
  const root = article.querySelector(".explorer-root");
  if (!root || !text) return;
  const { page } = article;
  let coming;
  const write = () => stateChange(article.id, { ...page.explorer.mounted.state(), run: page.run });
  root.addEventListener("groklab:step", ({ detail: { run, step } }) => {
    const first = page.step === undefined, moved = run !== page.explored && !(first && page.chosen);
    const another = moved && run !== page.run;
    Object.assign(page, { step, explored: run, run: moved ? run : page.run });
    if (another || first) {
      pageShowRun(article);
      page.queue.changed(figuresOfTraining(article));
    } else {
      page.moving ??= requestAnimationFrame(() => {
        page.moving = undefined;
        page.queue.moved();
      });
    }
  });
  const unpacked = await unpack(text);
  if (article.page !== page) return;
  const shown = unpacked.meta.runs.map(({ run }) => run);
  if (!page.chosen && !shown.includes(page.run)) [page.run] = shown;
  const mounted = mountExplorer(root, unpacked, { ...state, run: page.run });
  page.explorer = { root, mounted };
  // Only what a reader changes goes to the fragment.
  root.addEventListener("groklab:state", () => {
    clearTimeout(coming);
    coming = setTimeout(() => { if (article.page === page) write(); }, 300);
  });
  root.querySelector(".explorer-bar")?.after(article.querySelector(".learning"));
  article.querySelector(".focus").hidden = unpacked.meta.runs.length === page.facts.runs.length;
}

function pageWithoutExplorer(article, error) {
  console.error(error);
  const root = article.querySelector(".explorer-root");
  root.replaceChildren(...[article.querySelector(".learning")].filter((one) => root.contains(one)));
  root.insertAdjacentHTML("afterbegin", '<p class="note failed">The explorer could not be shown.</p>');
}

const figuresOfTraining = (article) => [...article.querySelectorAll("figure[data-training]")];

// Another run comes into view: its phases, its spectra, and the explorer's pictures where it has the run.
function pageSee(article, run) {
  const { page } = article;
  if (run === undefined || run === page.run) return;
  page.run = run;
  stateChange(article.id, { run });
  page.explorer?.root.dispatchEvent(new CustomEvent("groklab:set-step", { detail: { run } }));
  pageShowRun(article);
  page.queue.changed(figuresOfTraining(article));
}

function pageShowRun(article) {
  const { page } = article;
  const words = article.querySelector(".phase-words");
  if (words) phaseWords(words, page.phases(page.run));
  article.querySelector(".run-focus").value = String(page.run);
  controlChoose([...article.querySelectorAll('select[data-choice="run"]')], page.name(page.run), page.queue);
}

function pageColours(article) {
  const colours = themeColours();
  for (const mark of article.querySelectorAll("[data-colour]")) {
    mark.style.color = themeLegible(mark.dataset.colour, colours);
  }
  const bar = article.querySelector(".runs-bar");
  const sticky = getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0;
  document.documentElement.style.setProperty("--sticky-top", `${sticky}px`);
}

function pageUnmount(article) {
  const { page } = article;
  if (!page) return;
  delete article.page;
  document.removeEventListener("groklab:theme", page.themed);
  window.removeEventListener("beforeprint", page.printed);
  page.queue.stop();
  page.explorer?.mounted.destroy();
  for (const figure of article.querySelectorAll("figure[data-name]")) {
    if (figurePlot(figure).data) window.Plotly.purge(figurePlot(figure));
  }
}

// A link within the page keeps what the fragment says of it.
function pageLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    target.setAttribute("tabindex", "-1");
    target.focus({ preventScroll: true });
  });
}

plotlyUnpacked();
themeStart();
pageLinks();
window.groklab = { mount: pageMount, unmount: pageUnmount };
for (const article of document.querySelectorAll("article")) pageMount(article);
