// The controls of an article's figures: axes, choices, which runs are shown, the filter of the folded measures.

function controlAxes(article, queue) {
  const state = stateOf(article.id);
  for (const group of article.querySelectorAll(".switch")) {
    const figure = group.closest("figure");
    const buttons = [...group.querySelectorAll("button")];
    const name = `${figure.dataset.name}.${buttons[0].dataset.axis}`;
    const first = buttons.find((button) => button.getAttribute("aria-pressed") === "true").dataset.type;
    const press = (kind) => {
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.type === kind));
    };
    if (buttons.some((button) => button.dataset.type === state[name])) press(state[name]);
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const kind = button.dataset.type;
        press(kind);
        stateChange(article.id, { [name]: kind === first ? undefined : kind });
        queue.changed([figure]);
      });
    }
  }
}

// One choice moves every figure that offers the same; that of a run is the run in view.
function controlChoices(article, queue) {
  const selects = [...article.querySelectorAll("select[data-choice]")];
  for (const select of selects) {
    select.addEventListener("change", () => {
      const chosen = select.selectedOptions[0].text;
      if (select.dataset.choice === "run") article.page.see(controlRunNamed(article, chosen));
      else controlChoose(selects.filter((other) => other.dataset.choice === select.dataset.choice), chosen, queue);
    });
  }
}

function controlRunNamed(article, name) {
  return article.page.facts.runs.find((run) => run.name === name)?.run;
}

function controlChoose(selects, text, queue) {
  for (const select of selects) {
    const same = [...select.options].find((option) => option.text === text);
    if (!same || select.value === same.value) {
      if (!same || select.lastDrawn === same.value) continue;
    }
    select.value = select.lastDrawn = same.value;
    queue.changed([select.closest("figure")]);
  }
}

function controlRuns(article, queue) {
  const { page } = article;
  const buttons = [...article.querySelectorAll(".runs-bar [data-runs]")].filter(({ dataset }) => dataset.runs !== "all");
  const runsOf = (button) => button.dataset.runs.split(" ").map(Number);
  const show = (drawn = true) => {
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(!runsOf(button).every((run) => page.hidden.has(run))));
    }
    stateChange(article.id, { hide: [...page.hidden].sort((a, b) => a - b).join(".") });
    if (drawn) queue.changed();
  };
  const alone = (button) => {
    page.hidden.clear();
    for (const other of buttons) if (other !== button) runsOf(other).forEach((run) => page.hidden.add(run));
    show();
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const hidden = runsOf(button).every((run) => page.hidden.has(run));
      for (const run of runsOf(button)) hidden ? page.hidden.delete(run) : page.hidden.add(run);
      show();
    });
    button.addEventListener("dblclick", () => alone(button));
  }
  article.querySelector(".runs-bar .alone")?.addEventListener("click", () => {
    alone(buttons.find((button) => runsOf(button).includes(page.run)));
  });
  article.querySelector("[data-runs=all]")?.addEventListener("click", () => {
    page.hidden.clear();
    show();
  });
  show(false);
}

function controlFilter(article) {
  const input = article.querySelector("input.filter");
  if (!input) return;
  const figures = [...input.closest("details").querySelectorAll("figure")];
  const found = input.closest("details").querySelector(".found");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const figure of figures) {
      const text = `${figure.dataset.name} ${figure.querySelector("h4").textContent} ${figure.querySelector("figcaption").textContent}`;
      figure.hidden = !words.every((word) => text.toLowerCase().includes(word));
    }
    const count = figures.filter((figure) => !figure.hidden).length;
    found.textContent = `${count} figure${count === 1 ? "" : "s"}`;
  });
}

// Which folds are open is kept as well.
function controlFolds(article) {
  const folds = [...article.querySelectorAll("details[id]")];
  const open = (stateOf(article.id).open ?? "").split(".");
  for (const fold of folds) {
    if (open.includes(fold.id)) fold.open = true;
    fold.addEventListener("toggle", () => {
      stateChange(article.id, { open: folds.filter((one) => one.open).map((one) => one.id).join(".") });
    });
  }
}
