"""The studies' pages from kept results: `python -m groklab.findings.page RESULTS FOLDER`.

Every number, table and chart on them is computed from the results; nothing is typed. The same results give the same
pages.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from groklab.drawing import lines
from groklab.errors import Mistake
from groklab.files import put
from groklab.findings.analysis import Analysis, Chart
from groklab.findings.claim import Verdict
from groklab.findings.heat_map import heat_map
from groklab.findings.sections import MADE, Shown, study_page
from groklab.findings.words import markdown
from groklab.record import Record
from groklab.store.places import results_in
from groklab.studies.study import find

INDEX = "README.md"
EXPLAINED = """# The studies, a page each

What each tests, and how its claims stand by the results that are kept in `results/`. Every claim of all studies, with
source, number, interval and verdict: [claims](../claims.md). Two more pages: [the Fourier circuit, published and
ours](circuit.md), and [the simulation of circuit efficiency](varma/simulation.md).
"""


def write(results: Path, folder: Path) -> list[Path]:
    """Writes a page a study, their charts, and an index, from all results in a folder; gives what was written.

    Raises `Mistake` for results of a study that is not known, two of the same study and scale, and an empty folder.
    """
    shown = _shown(results)
    written: list[Path] = []
    for study, scales in shown.items():
        charts: dict[str, list[tuple[str, str]]] = {}
        for scale, one in scales.items():
            drawn = [(chart.title, drawing) for chart in one.analysis.charts if (drawing := _drawing(chart))]
            drawn += [(shown.title, heat_map(shown)) for shown in one.analysis.heat_maps]
            names = [f"{study.replace('/', '-')}-{scale}-{number}.svg" for number in range(1, len(drawn) + 1)]
            for name, (_, drawing) in zip(names, drawn, strict=True):
                written.append(put(folder / "images" / name, drawing))
            charts[scale] = [(title, name) for (title, _), name in zip(drawn, names, strict=True)]
        written.append(put(folder / f"{study}.md", study_page(scales, charts)))
    written.append(put(folder / INDEX, _index(shown)))
    return written


def _shown(results: Path) -> dict[str, dict[str, Shown]]:
    """What is shown of each study at each scale, laptop first."""
    found: dict[str, dict[str, Shown]] = {}
    for path in map(Path, results_in(results)):
        record = Record(path)
        experiment, scales = find(record.study), found.setdefault(record.study, {})
        place = Path(results.name) / path.relative_to(results) if path != results else Path(path.name)
        if record.scale in scales:
            both = f"{scales[record.scale].place} and {place}"
            raise Mistake(f"{both} both hold {record.study} at {record.scale} scale; leave one")
        analysis: Analysis = record.analysis()
        scales[record.scale] = Shown(record=record, experiment=experiment, analysis=analysis, place=place.as_posix())
    return {study: dict(sorted(found[study].items())) for study in sorted(found)}


def _index(shown: dict[str, dict[str, Shown]]) -> str:
    """A row a study and scale: what it is, and how many of its claims have which verdict."""
    rows: list[Sequence[str]] = []
    for study, scales in shown.items():
        for scale, one in scales.items():
            counts = Counter(finding.verdict for finding in one.analysis.findings)
            stand = ", ".join(f"{counts[verdict]} {verdict}" for verdict in get_args(Verdict) if counts[verdict])
            link, runs = f"[{study}]({study}.md)", str(len(one.record.runs))
            rows.append((link, one.experiment.summary, one.experiment.source, scale, runs, stand or "none"))
    head = ("study", "what it does", "source", "scale", "networks", "claims")
    return "\n".join([MADE, EXPLAINED, markdown(head, rows)])


def _drawing(chart: Chart) -> str:
    """A chart as SVG; nothing where it has no point."""
    try:
        return lines(chart.series, title=chart.title, x=chart.x, y=chart.y, log_x=chart.log_x, log_y=chart.log_y)
    except ValueError:
        return ""


if __name__ == "__main__":
    try:
        if len(sys.argv) != 3:
            raise Mistake("give the folder of the kept results and that of the pages, such as results docs/studies")
        for page in write(Path(sys.argv[1]), Path(sys.argv[2])):
            sys.stdout.write(f"{page}\n")
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
