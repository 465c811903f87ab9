"""A picture of a page: what is drawn, what it says without being seen, and the line below it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture."""

    svg: str
    """The drawing."""
    alt: str
    """What it shows, for who does not see it."""
    caption: str
    """What stands below it, in Markdown."""
