"""What the kept results say, in the words of a page."""

import math
from collections.abc import Sequence
from pathlib import Path

from groklab.claims import entries
from groklab.claims.evidence import evidence_of
from groklab.claims.ledger import UNTESTED
from groklab.claims.places import places_in
from groklab.errors import Mistake, unknown
from groklab.findings import Analysis, Chart, Finding
from groklab.record import Record

PAGES = "../studies"
"""The studies' pages, seen from a page of the handbook."""
PAGE_OF = {"nanda/circuit": "circuit"}
"""Pages that are called otherwise than what is on them."""


class Evidence:
    """A folder of kept results; the analysis of one is made when it is first asked for."""

    def __init__(self, results: Path) -> None:
        """Raises `StoreError` for a folder without results."""
        self._records: dict[tuple[str, str], Record] = {}
        self._others: dict[str, Sequence[Finding]] = {}
        self._analyses: dict[tuple[str, str], Analysis] = {}
        for path in map(Path, places_in(results)):
            if path.suffix == ".json":
                found = evidence_of(path)
                self._others[found.study] = found.findings
            else:
                record = Record(path)
                self._records[record.study, record.scale] = record

    def record(self, study: str, scale: str = "laptop") -> Record:
        """The results of a study at a scale. Raises `Mistake` where there are none."""
        if (study, scale) not in self._records:
            raise Mistake(f"the results hold no {study} at {scale} scale; run it, and keep it with `groklab keep`")
        return self._records[study, scale]

    def claim(self, identifier: str) -> str:
        """What was found of a claim, with its verdict and a link to the page of the study that tests it.

        A scale at which it could not be tested is told where it was tested at no other.
        Raises `Mistake` for a claim that is not in the ledger.
        """
        studies = {entry.claim.identifier: entry.study for entry in entries()}
        if identifier not in studies:
            raise unknown("claim", identifier, studies)
        study = studies[identifier]
        found = [*self._others.get(study, ())]
        for name, scale in self._records:
            found += self._analysis(name, scale).findings if name == study else ()
        found = [one for one in found if one.claim.identifier == identifier]
        tested = [one for one in found if one.verdict not in UNTESTED]
        said = [f"{one.sentence} (**{one.verdict}**, {one.scale} scale)" for one in tested or found]
        page = f"[{study}]({PAGES}/{PAGE_OF.get(study, study)}.md)"
        return f"{'; '.join(said)}: {page}" if said else f"`{study}` is not yet run"

    def chart(self, place: str) -> str:
        """A picture of a study's page, by `STUDY:NUMBER` from 1; a sentence where the study is not run or has none.

        Raises `Mistake` for a study that is not known and for a place without a number.
        """
        study, _, number = place.partition(":")
        studies = {entry.study for entry in entries()}
        if study not in studies:
            raise unknown("study", study, studies)
        if not number.isdecimal() or number == "0":
            raise Mistake(f"a chart is named by its study and number from 1, such as {study}:1, not {place}")
        if (study, "laptop") not in self._records:
            return f"*`{study}` is not yet run: its picture will stand here.*"
        titles = [chart.title for chart in self._analysis(study, "laptop").charts if _can_be_drawn(chart)]
        page = f"[{study}]({PAGES}/{study}.md)"
        if int(number) > len(titles):
            return f"*{page} has no picture {number}: these runs give no curve for it.*"
        title, image = titles[int(number) - 1], f"{study.replace('/', '-')}-laptop-{number}.svg"
        return f"![{title}]({PAGES}/images/{image})\n\n*{title}. From {page}.*"

    def _analysis(self, study: str, scale: str) -> Analysis:
        if (study, scale) not in self._analyses:
            self._analyses[study, scale] = self._records[study, scale].analysis()
        return self._analyses[study, scale]


def _can_be_drawn(chart: Chart) -> bool:
    """Whether it has a point that its axes have: others are left out of the study's page, and not numbered."""
    return any(
        math.isfinite(x) and math.isfinite(y) and (x > 0 or not chart.log_x) and (y > 0 or not chart.log_y)
        for points in chart.series.values()
        for x, y in points
    )
