"""A published value in numbers, where its words are nothing but a number, a range or a share."""

import re

from groklab.findings.claim import Finding

NUMBER = r"(\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?)"
COUNTED = ("share of networks", "share of moduli", "share of operations")
"""Units of which `4 of 5` is a value."""
_ALONE = re.compile(rf"(?:about )?{NUMBER}")
_PERCENT = re.compile(rf"(?:about )?{NUMBER}%((?: of [a-z ]+)?)")
_RANGE = re.compile(rf"(?:about )?{NUMBER} to {NUMBER}")
_OF = re.compile(rf"{NUMBER} of {NUMBER}")


def published_range(finding: Finding) -> tuple[float, float] | None:
    """The published value as a range, from itself to itself for one number; nothing where words say more than that.

    Only a value in the finding's unit: `4 of 5` is 0.8 beside a share of what can be counted (networks, moduli,
    operations), `95% of variance` 0.95 beside a share of variance; plain numbers and ranges stand beside other units
    than shares.
    """
    words = (finding.claim.published or "").strip()
    if finding.units.startswith("share"):
        return _share(words, finding.units)
    if found := _RANGE.fullmatch(words):
        low, high = map(_number, found.groups())
        return (low, high) if low <= high else None
    if (found := _ALONE.fullmatch(words)) is None:
        return None
    return _number(found[1]), _number(found[1])


def _share(words: str, units: str) -> tuple[float, float] | None:
    if units in COUNTED and (found := _OF.fullmatch(words)):
        part, whole = map(_number, found.groups())
        return (part / whole, part / whole) if whole else None
    if (found := _PERCENT.fullmatch(words)) and f"share{found[2]}" == units:
        return _number(found[1]) / 100, _number(found[1]) / 100
    return None


def _number(text: str) -> float:
    return float(text.replace(",", ""))
