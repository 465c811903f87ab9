"""What somebody claims, written down before the run, and what was found of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["reproduced", "partly", "not reproduced", "contradicted", "not tested at this scale", "not run"]
RANKS = {"reproduced": 2, "partly": 1}
"""How well a claim stands; all other verdicts are 0."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of a paper. Stands in the file of the study that tests it, and is not changed after the run.

    Where it had to be, `since` says so, and `results/claims.json` lets no change by unnoticed.
    """

    identifier: str
    """Short and lasting, such as `nanda.excluded-rises`."""
    source: str
    """Paper, section, figure."""
    claim: str
    """The claim in our own words, one sentence."""
    published: str | None
    """The published value, or nothing where the paper gives none."""
    how: str
    """How it is measured."""
    criterion: str
    """What counts as reproduced."""
    since: str = ""
    """What was changed of it, or that it was added, after a first look at its runs; nothing where nothing was."""

    @property
    def wording(self) -> str:
        """Digest of what is claimed, how it is measured and what counts as reproduced: another where one is changed."""
        return hashlib.sha256(json.dumps([self.claim, self.how, self.criterion]).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the runs of a study say of a claim."""

    claim: Claim
    """The claim."""
    verdict: Verdict
    """How it stands."""
    sentence: str
    """The verdict's reason in one sentence, with numbers."""
    value: float | None = None
    """What was measured; nothing where nothing could be."""
    low: float | None = None
    """Lower end of its 95% interval."""
    high: float | None = None
    """Upper end of its 95% interval."""
    units: str = "1"
    """Unit of the value and its interval."""
    seeds: int = 0
    """Networks it rests on; seeds, each with all its networks, where the interval is drawn over seeds."""
    scale: str = ""
    """The scale they were trained at."""

    def to_json(self) -> dict[str, Any]:
        """Everything as one flat object: the claim's fields, then the finding's."""
        mine = asdict(self)
        return mine.pop("claim") | mine


def fell(before: str, now: str) -> bool:
    """Whether a verdict is worse than one before it: from reproduced to partly, from either to anything else."""
    return RANKS.get(before, 0) > RANKS.get(now, 0)
