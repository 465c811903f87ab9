"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 600px)");
  const config = { responsive: true, displaylogo: false, displayModeBar: window.matchMedia("(hover: hover)").matches && "hover",
                   modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: colour("--line"), linecolor: colour("--soft"), tickcolor: colour("--soft") };
    const flat = { "font.color": colour("--ink"), "hoverlabel.bgcolor": colour("--paper"),
                   "hoverlabel.bordercolor": colour("--line"), "hoverlabel.font.color": colour("--ink"),
                   "modebar.bgcolor": "rgba(0,0,0,0)", "modebar.color": colour("--soft"),
                   "modebar.activecolor": colour("--accent") };
    for (const which of ["xaxis", "yaxis"]) {
      for (const [name, value] of Object.entries(axis)) flat[`${which}.${name}`] = value;
    }
    return flat;
  };

  const plotOf = (figure) => figure.querySelector(".plot");

  // A trace is seen when its run is not hidden and it belongs to the option chosen.
  const visible = (figure, traces) => {
    const hidden = figure.closest("article").hiddenRuns;
    const select = figure.querySelector("select");
    return traces.map(({ meta = {} }) =>
      (meta.option === undefined || meta.option === Number(select.value)) &&
      (meta.run === undefined || !hidden.has(meta.run)));
  };

  const refresh = (figure) => {
    const plot = plotOf(figure);
    if (plot.data && plot.data.length) Plotly.restyle(plot, "visible", visible(figure, plot.data));
  };

  const draw = (figure) => {
    const plot = plotOf(figure);
    if (plot.data) return;
    const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
    visible(figure, data).forEach((seen, index) => { data[index].visible = seen; });
    layout.showlegend = false;
    if (narrow.matches) Object.assign(layout, { margin: { ...layout.margin, l: 48, r: 8 }, dragmode: false });
    for (const [path, value] of Object.entries(theme())) {
      const names = path.split(".");
      const last = names.pop();
      names.reduce((inner, name) => (inner[name] ??= {}), layout)[last] = value;
    }
    for (const button of figure.querySelectorAll("[data-axis][aria-pressed=true]")) {
      layout[`${button.dataset.axis}axis`].type = button.dataset.type;
    }
    Plotly.newPlot(plot, data, layout, config);
  };

  const figures = [...document.querySelectorAll("figure")];
  const articles = [...document.querySelectorAll("article")];
  for (const article of articles) article.hiddenRuns = new Set();

  const coming = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) { coming.unobserve(target); draw(target); }
    }
  }, { rootMargin: "400px" });
  for (const figure of figures) coming.observe(figure);
  window.addEventListener("beforeprint", () => figures.forEach(draw));
  dark.addEventListener("change", () => {
    for (const figure of figures) if (plotOf(figure).data) Plotly.relayout(plotOf(figure), theme());
  });

  for (const button of document.querySelectorAll("[data-axis]")) {
    button.addEventListener("click", () => {
      for (const other of button.parentElement.querySelectorAll("button")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      const plot = plotOf(button.closest("figure"));
      const axis = `${button.dataset.axis}axis`;
      if (plot.data) Plotly.relayout(plot, { [`${axis}.type`]: button.dataset.type, [`${axis}.autorange`]: true });
    });
  }

  // One choice of a run moves every figure that shows one run at a time.
  for (const select of document.querySelectorAll("select")) {
    select.addEventListener("change", () => {
      const chosen = select.selectedOptions[0].text;
      for (const other of select.closest("article").querySelectorAll(`select[data-choice="${select.dataset.choice}"]`)) {
        const same = [...other.options].find((option) => option.text === chosen);
        if (same) { other.value = same.value; refresh(other.closest("figure")); }
      }
    });
  }

  for (const article of articles) {
    const buttons = [...article.querySelectorAll(".runs-bar [data-run]")].filter((one) => one.dataset.run !== "all");
    const hidden = article.hiddenRuns;
    const show = () => {
      for (const button of buttons) button.setAttribute("aria-pressed", String(!hidden.has(Number(button.dataset.run))));
      article.querySelectorAll("figure").forEach(refresh);
    };
    for (const button of buttons) {
      const run = Number(button.dataset.run);
      button.addEventListener("click", () => { hidden.has(run) ? hidden.delete(run) : hidden.add(run); show(); });
      button.addEventListener("dblclick", () => {
        hidden.clear();
        for (const other of buttons) if (other !== button) hidden.add(Number(other.dataset.run));
        show();
      });
    }
    article.querySelector("[data-run=all]")?.addEventListener("click", () => { hidden.clear(); show(); });
  }
})();
