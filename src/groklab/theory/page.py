"""The simulation's page: `python -m groklab.theory.page results/varma/simulation.json docs/studies`.

Writes `varma/simulation.md` and its figures, in about a minute. What the simulation says of its claims is read from
that file; all other numbers on the page are computed there and then.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groklab.drawing import lines
from groklab.errors import Mistake
from groklab.files import put
from groklab.findings import Chart, Finding, Table
from groklab.findings.provenance import session_lines
from groklab.findings.words import markdown, measured, words
from groklab.theory import figures, tables
from groklab.theory.grid import Grid, grid
from groklab.theory.judging import NORMALISATIONS
from groklab.theory.presets import CONVERGED, FIGURE_2, HORIZON, all_ingredients

SMOOTHINGS = (1e-2, 1e-3, 1e-4)
STEEP = (2.2, 3.0, 4.0)


def write(folder: Path, found: Sequence[Finding], sessions: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Writes the page and its figures below a folder; gives what was written.

    `found` is what the simulation says of its claims, `sessions` when and where that was found.
    """
    grids = [grid(normalisation) for normalisation in NORMALISATIONS]
    steep = [(smoothing, grid("alpha", kappas=STEEP, smoothing=smoothing)) for smoothing in SMOOTHINGS]
    charts = {f"{name}-losses": figures.losses(name) for name in FIGURE_2}
    charts |= {f"{name}-weights": figures.weights(name) for name in FIGURE_2}
    charts |= {"delay-speed": figures.delay_by_speed(grids[0]), "delay-ratio": figures.delay_by_ratio(grids[0])}
    drawn = {folder / "images" / f"varma-simulation-{name}.svg": _draw(chart) for name, chart in charts.items()}
    shown = {name: f"![{chart.title}](../images/varma-simulation-{name}.svg)" for name, chart in charts.items()}
    pages = {folder / "varma" / "simulation.md": _page(shown, grids, steep, found, sessions)}
    for path, text in (drawn | pages).items():
        put(path, text)
    return [*pages, *drawn]


def _page(
    shown: dict[str, str],
    grids: list[Grid],
    steep: list[tuple[float, Grid]],
    found: Sequence[Finding],
    sessions: Sequence[Mapping[str, Any]],
) -> str:
    settings = markdown(("setting", "value"), [(f"`{n}`", words(v)) for n, v in all_ingredients().flat().items()])
    verdicts = markdown(
        ("claim", "published", "measured", "verdict", "in words"),
        [
            (f"`{one.claim.identifier}`: {one.claim.claim}", one.claim.published or "-", measured(one) or "-",
             f"**{one.verdict}**", one.sentence)
            for one in found
        ],
    )  # fmt: skip
    criteria = "\n".join(
        f"- `{one.claim.identifier}` ({one.claim.source}). Measured: {one.claim.how}. "
        f"Reproduced: {one.claim.criterion}."
        for one in found
    )
    parts = [
        "<!-- Made by `make docs` from results/varma/simulation.json and the code: change those, not this page. -->",
        "# varma/simulation",
        "Two circuits in competition, without networks: the simulation of Varma et al. 2023, section 3, and the two "
        "theorems of its appendix D. What everything means: [the theory](../../theory.md). Nothing is random here but "
        "the instances on which the theorems are tried.",
        "## Settings\n\nTable 1 of the paper, and what we chose: panel (b) has `gen_norm` 4, panel (c) `gen_second` 1; "
        f"the paper gives neither. The figures show {HORIZON:,} steps, also chosen; convergence is read at "
        f"{CONVERGED:,}. `smoothing` is used from kappa = 2 on only.\n\n{settings}",
        f"## Findings\n\n{verdicts}\nHow each is measured, and what counts as reproduced, decided before the first run:"
        f"\n\n{criteria}",
        "## Figure 2\n\n"
        + "\n\n".join(f"{shown[f'{name}-losses']}\n\n{shown[f'{name}-weights']}" for name in FIGURE_2),
        _table(tables.panels_table()),
        "## When there is grokking\n\nEvery combination of P_m / P_g (P_m = 2), kappa and w_g2(0), all else as in "
        "Table 1. The phases are defined in [the theory](../../theory.md#when-there-is-grokking).",
        _table(tables.counts_table(grids)),
        *(_table(tables.groks_table(one)) for one in grids),
        f"{shown['delay-speed']}\n\n{shown['delay-ratio']}",
        _table(tables.smoothing_table(steep)),
        "## Where it comes from\n\nThe findings, `results/varma/simulation.json`; figures and tables are computed with "
        "the page:\n\n" + "\n".join(session_lines(sessions)),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _table(table: Table) -> str:
    rows = [[words(cell) for cell in row] for row in table.rows]
    note = f"\n{table.note[0].upper()}{table.note[1:]}.\n" if table.note else ""
    return f"### {table.title}\n\n{markdown(table.columns, rows)}{note}"


def _draw(chart: Chart) -> str:
    return lines(chart.series, title=chart.title, x=chart.x, y=chart.y, log_x=chart.log_x, log_y=chart.log_y)


if __name__ == "__main__":
    try:
        if len(sys.argv) != 3:
            raise Mistake(
                "give what the simulation found and the studies' pages: results/varma/simulation.json docs/studies"
            )
        # The ledger's room reads the file, and uses this one: it is asked by the command alone.
        from groklab.claims import simulation

        kept = Path(sys.argv[1])
        for page in write(Path(sys.argv[2]), simulation.read(kept), simulation.sessions(kept)):
            sys.stdout.write(f"{page}\n")
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
