"""Every claim there is, with the study that tests it, and how it stands in the light of some evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groklab.claims import circuit, simulation
from groklab.claims.evidence import Evidence
from groklab.claims.planned import PLANNED
from groklab.findings import Claim, Finding, not_run
from groklab.findings.claim import Verdict
from groklab.studies.study import catalogue, papers
from groklab.theory.claims import CLAIMS as OF_SIMULATION

GROUPS: Mapping[str, tuple[Verdict, ...]] = {
    "What held, wholly or partly": ("reproduced", "partly"),
    "What did not hold": ("not reproduced",),
    "What was contradicted": ("contradicted",),
    "What is unknown": ("not tested at this scale", "not run"),
}
"""Verdicts in a reader's order."""
SCALES = ("paper", "laptop", "simulation")
"""Scales by weight: the first at which a claim was tested says how it stands."""
UNTESTED: tuple[Verdict, ...] = GROUPS["What is unknown"]
TITLES = {"forum": "Questions around the papers: the forum post and its readers"}
"""Groups of studies that are no paper's and come last, as they are called while they have no study."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A claim and the study that tests it."""

    claim: Claim
    """The claim."""
    study: str
    """The study, such as `nanda/mainline`."""
    to_do: str
    """What is to be done where it was not run: a command, or what it waits for."""

    @property
    def paper(self) -> str:
        """The group of studies, such as `nanda`."""
        return self.study.partition("/")[0]


def entries() -> tuple[Entry, ...]:
    """Every claim, paper by paper and study by study: those of studies, of circuits, of the simulation, and planned."""
    studies = {name: (study.claims, f"groklab run {name}") for name, study in catalogue().items()}
    others = {
        circuit.STUDY: (circuit.CLAIMS, "python -m groklab.claims.kept_circuits, with networks"),
        simulation.STUDY: (tuple(OF_SIMULATION.values()), "python -m groklab.claims.simulation"),
    }
    planned = {name: (claims, "its study is still to come") for name, claims in PLANNED.items()}
    found = [
        Entry(claim=claim, study=name, to_do=to_do)
        for group in (studies, others, planned)
        for name, (claims, to_do) in group.items()
        for claim in claims
    ]
    order = [*(paper for paper in papers() if paper not in TITLES), *TITLES]
    return tuple(sorted(found, key=lambda entry: order.index(entry.paper) if entry.paper in order else len(order)))


def title(paper: str) -> str:
    """What a group of studies is called, such as `Nanda et al. 2023, "Progress measures ..."`."""
    known = papers().get(paper)
    return known.removeprefix("Studies of ").rstrip(".") if known else TITLES.get(paper, paper)


def answers(found: Sequence[Evidence]) -> dict[str, tuple[Finding, ...]]:
    """Of every claim what the evidence says, scale by scale; that it was not run where the evidence says nothing."""
    by_claim: dict[str, list[Finding]] = {}
    for one in found:
        for finding in one.findings:
            by_claim.setdefault(finding.claim.identifier, []).append(finding)
    return {
        entry.claim.identifier: tuple(sorted(by_claim.get(entry.claim.identifier, ()), key=_weight))
        or (not_run(entry.claim, scale="", sentence=f"no result is kept; {entry.to_do}"),)
        for entry in entries()
    }


def standing(findings: Sequence[Finding]) -> Verdict:
    """How a claim stands by findings at several scales: the verdict of the largest at which it was tested."""
    tested = [finding for finding in findings if finding.verdict not in UNTESTED]
    return (tested or findings)[0].verdict


def _weight(finding: Finding) -> int:
    return SCALES.index(finding.scale) if finding.scale in SCALES else len(SCALES)
