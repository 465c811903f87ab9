"""Claims that no study tests yet, by the study that will, written down before its runs.

When the study comes its file takes its claims over from here, word for word, and they leave this file: a claim stands
in one place only, which a test holds. `results/claims.json` has a digest of each claim's words from now on. What will
count as its contrary follows from the same sentence: its literal opposite, read off as its criterion is.
"""

from collections.abc import Mapping

from groklab.findings.claim import Claim

PLANNED: Mapping[str, tuple[Claim, ...]] = {}
"""The claims of every study to come, by its name."""
