"""Fills in the pages on the science, and that on planning: `python -m groklab.handbook.page results docs`.

Pictures go to `docs/images/`, and the marked spots of `docs/science/*.md` get what the results and the theory say now,
those of `docs/planning.md` what the measured speed says of the sweep in `sweeps/`, which lies beside `docs`.
The same results give the same pages.
"""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from groklab.errors import Mistake, unknown
from groklab.files import put
from groklab.handbook import circuit, efficiency, rooms
from groklab.handbook.evidence import Evidence
from groklab.handbook.picture import Picture
from groklab.handbook.planning import Planning
from groklab.handbook.spots import fill

FOLDER, PLAN, IMAGES = "science", "planning.md", "images"


def files(results: Path, docs: Path) -> dict[str, str]:
    """Pages and pictures as they ought to be, as text by their place below `docs`.

    Raises `Mistake` for a spot that nothing is known of, and for results that a picture needs and that are not there.
    """
    evidence, pictures = Evidence(results), dict[str, Picture]()
    network = cache(lambda: circuit.Network.of(evidence))
    planning = cache(lambda: Planning.of(results, docs.parent))
    known: dict[str, Callable[[], Picture]] = {
        "losses": lambda: circuit.losses(network()),
        "growth": lambda: circuit.growth(network()),
        "clocks": lambda: circuit.clocks(network()),
        "cosines": lambda: circuit.cosines(network()),
        "ingredients": efficiency.ingredients,
        "shares": efficiency.shares,
    }

    def shown(name: str) -> str:
        if name not in known:
            raise unknown("picture", name, known)
        picture = pictures[name] = known[name]()
        return f"![{picture.alt}](../{IMAGES}/science-{name}.svg)\n\n*{picture.caption}*"

    makers = {
        "claim": evidence.claim,
        "chart": evidence.chart,
        "picture": shown,
        "plan": lambda name: planning().told(name),
    }
    made = {f"{IMAGES}/rooms.svg": rooms.drawn()}
    for path in (*sorted((docs / FOLDER).glob("*.md")), docs / PLAN):
        made[path.relative_to(docs).as_posix()] = fill(path.read_text(encoding="utf-8"), makers)
    return made | {f"{IMAGES}/science-{name}.svg": picture.svg for name, picture in pictures.items()}


def write(results: Path, docs: Path) -> list[Path]:
    """Writes pages and pictures anew; gives what was written. Raises `Mistake` for what cannot be written."""
    return [put(docs / place, text) for place, text in files(results, docs).items()]


if __name__ == "__main__":
    try:
        if len(sys.argv) != 3:
            raise Mistake("give the folder of the kept results and that of the documentation, such as results docs")
        for page in write(Path(sys.argv[1]), Path(sys.argv[2])):
            sys.stdout.write(f"{page}\n")
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
