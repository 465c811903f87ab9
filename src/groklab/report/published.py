"""A published value in numbers, where its words are nothing but a number, a range or a share."""

import re

from groklab.findings.claim import Finding

NUMBER = r"(\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?)"
_ALONE = re.compile(rf"(?:about )?{NUMBER}(%?)(?: of (?:the )?[a-z ]+)?")
_RANGE = re.compile(rf"(?:about )?{NUMBER} to {NUMBER}")
_OF = re.compile(rf"{NUMBER} of {NUMBER}")


def published_range(finding: Finding) -> tuple[float, float] | None:
    """The published value as a range, from itself to itself for one number; nothing where words say more than that.

    Where shares were measured, `4 of 5` is 0.8 and `95% of variance` 0.95; other units take plain numbers.
    """
    words = (finding.claim.published or "").strip()
    share = finding.units.startswith("share")
    if share and (found := _OF.fullmatch(words)):
        part, whole = map(_number, found.groups())
        return (part / whole, part / whole) if whole else None
    if found := _RANGE.fullmatch(words):
        low, high = map(_number, found.groups())
        return (low, high) if low <= high and (not share or high <= 1) else None
    if found := _ALONE.fullmatch(words):
        value, percent = _number(found[1]), bool(found[2])
        if percent:
            return (value / 100, value / 100) if share else None
        # Beside a number that counts something else, words say so.
        if found[0].endswith(found[1]) and (not share or value <= 1):
            return value, value
    return None


def _number(text: str) -> float:
    return float(text.replace(",", ""))
