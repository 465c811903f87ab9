"""What of the committed verdicts still stands: on the same data, of the same words, by evidence that is still there.

**The same data** is the same file to the byte, or the very store that it was kept from: the same settings and seeds,
trained in the same sessions, all ended. Whoever trains them anew has another sample and is never compared, nor is
another length or scale. A claim **held** if it was reproduced or partly so; it no longer holds if its verdict is worse
now: partly after reproduced, anything below after partly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from groklab.claims.committed import Committed, Verdicts
from groklab.claims.evidence import Evidence
from groklab.findings import Claim, Finding
from groklab.findings.claim import fell
from groklab.store.place import Place

GONE = "no longer among the claims"
"""What is said instead of a verdict where the claim is not answered any more."""


@dataclass(frozen=True, kw_only=True)
class Worse:
    """A claim that held on the same data and no longer does."""

    identifier: str
    """The claim."""
    study: str
    """The study."""
    scale: str
    """Its scale."""
    path: Place
    """The store or file at which it no longer holds."""
    before: str
    """The committed verdict."""
    now: str
    """The verdict now."""
    same: str
    """What is the same: `data`, to the byte, or `runs`, their settings and the sessions that trained them."""
    sentence: str
    """Why."""

    @property
    def line(self) -> str:
        """All of it in one line."""
        why = f": {self.sentence}" if self.sentence else ""
        where = f"{self.study} at {self.scale} scale, {self.path}"
        return f"{self.identifier} was {self.before} and is now {self.now} on the same {self.same} ({where}){why}"

    def to_json(self) -> dict[str, str]:
        """The same as a flat object."""
        names = ("identifier", "study", "scale", "before", "now", "same", "sentence")
        return {name: str(getattr(self, name)) for name in names} | {"path": str(self.path)}


def same(evidence: Evidence, one: Verdicts) -> Literal["data", "runs"] | None:
    """In what the evidence is that of which verdicts were committed; nothing where it is another sample."""
    if (one.study, one.scale) != (evidence.study, evidence.scale):
        return None
    if one.data is not None and one.data == evidence.data:
        return "data"
    trained = one.sessions is not None and (one.runs, one.sessions) == (evidence.runs, evidence.sessions)
    return "runs" if trained and evidence.ended == evidence.count else None


def worse(evidence: Evidence, before: Committed) -> list[Worse]:
    """The claims that held in what was committed of the same data and do not hold in `evidence`."""
    now = {finding.claim.identifier: finding for finding in evidence.findings}
    found = [
        _worse(evidence, name, verdict, now.get(name), alike)
        for one in before.verdicts
        if (alike := same(evidence, one))
        for name, verdict in one.claims.items()
        if _fell(verdict, now.get(name), judged=alike == "runs")
    ]
    return list({one.identifier: one for one in found}.values())


def _fell(before: str, now: Finding | None, *, judged: bool) -> bool:
    """Whether a verdict fell; with `judged` only if there is one: a store of the same runs may have measured less."""
    if judged and now is not None and now.verdict == "not run":
        return False
    return fell(before, now.verdict if now else "not run")


def reworded(claims: Iterable[Claim], before: Committed) -> list[str]:
    """The identifiers of those claims whose words are not those that were committed; new claims are none of them."""
    return [one.identifier for one in claims if before.wording.get(one.identifier, one.wording) != one.wording]


def reworded_on(evidence: Evidence, before: Committed) -> list[str]:
    """The claims of other words than were committed, where the evidence is the same data; none where it is not."""
    if not any(same(evidence, one) for one in before.verdicts):
        return []
    return reworded((finding.claim for finding in evidence.findings), before)


def withdrawn(found: Sequence[Evidence], claims: Sequence[Claim], before: Committed) -> list[str]:
    """What was committed and is not there any more, a line each: words of claims, claims, and evidence."""
    lines = [
        f"{name} is not worded as it was committed: its claim, how it is measured, or its criterion"
        for name in reworded(claims, before)
    ]
    known = {claim.identifier for claim in claims}
    lines += [f"{name} is {GONE}" for name in before.wording if name not in known]
    spoken = {
        (finding.claim.identifier, one.scale)
        for one in found
        for finding in one.findings
        if finding.verdict != "not run"
    }
    lines += [
        f"{name} was {verdict} at {one.scale} scale by {one.place}, and nothing speaks of it there now"
        for one in before.verdicts
        for name, verdict in one.claims.items()
        if verdict != "not run" and (name, one.scale) not in spoken
    ]
    return lines


def _worse(evidence: Evidence, identifier: str, before: str, now: Finding | None, alike: str) -> Worse:
    return Worse(
        identifier=identifier,
        study=evidence.study,
        scale=evidence.scale,
        path=evidence.path,
        before=before,
        now=now.verdict if now else GONE,
        same=alike,
        sentence=now.sentence if now else "",
    )
