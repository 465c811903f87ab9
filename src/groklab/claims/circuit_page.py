"""The page of the networks taken apart: `python -m groklab.claims.circuit_page results docs/studies/circuit.md`.

Every number on it stands in the files that `kept_circuits` wrote.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from groklab.circuits.published import Numbers, numbers_table, shown
from groklab.claims import circuit
from groklab.claims.kept_circuits import Apart, Shown, read
from groklab.claims.places import CIRCUITS, EARLIER
from groklab.errors import Mistake
from groklab.files import put
from groklab.findings.provenance import session_lines
from groklab.findings.words import markdown

INTRODUCTION = """<!-- Made by `make docs` from results/: change those, or the code, not this page. -->

# The Fourier circuit, published and ours

Networks trained on modular addition, each taken apart at its last step as by `groklab circuit`, beside the numbers of
Nanda et al. 2023 for their main run (P = 113, one network, 40,000 epochs). What each number means:
[circuits](../circuits.md).
"""
READING = """## The numbers

Only the paper scale has the published task and network; losses at laptop scale are there to be compared with each
other, not with the published ones. A cell is the mean over all networks of its column, and over all directions, heads
or frequencies of a network where there are several; the least and the largest value stand in brackets. Where losses
differ by powers of ten the largest ones make the mean: the claims are judged network by network, and name the median.
Losses are in nats, on all pairs.
"""
JUDGED = "the claims `nanda.circuit-...` are [judged](../claims.md) by them"
LOOKED_AT = "looked at before the criteria of those claims were written, and no part of their verdicts"
KEY = "key frequencies (number)"
COLUMNS = (
    ("loss", circuit.BEFORE, max, False),
    ("key cosines in the logits", "logits explained by the key cosines", min, True),
    ("W_L outside the key directions, of its norm", circuit.RESIDUAL, max, True),
    ("least direction (Table 1)", circuit.DIRECTIONS, min, True),
    ("least head (Table 2)", circuit.SCORES, min, True),
    ("neurons over 85%", circuit.NEURONS, min, True),
)
"""What a network's row has of its numbers: heading, name, which of several, whether it is a share."""
HEAD = ("run", "seed", "key frequencies", "lines of evidence that hold", *(heading for heading, *_ in COLUMNS))


def write(results: Path, out: Path) -> Path:
    """Writes the page from what is kept in a folder and its folders; gives its path.

    Raises `Mistake` where nothing is, and `StoreError` for what cannot be read.
    """
    files = [file for names in (CIRCUITS, EARLIER) for file in sorted(results.rglob(names))]
    if not files:
        raise Mistake(f"{results} has no networks taken apart; give the folder of the kept results")
    return put(out, page({(Path(results.name) / file.relative_to(results)).as_posix(): read(file) for file in files}))


def page(found: Mapping[str, Apart]) -> str:
    """The whole page in Markdown, from what the files say by their places."""
    kinds = {place: f"{one.study}, {one.scale} scale, {one.task}" for place, one in found.items()}
    keyed = {kinds[place]: [net.values for net in one.networks if _has_key(net.values)] for place, one in found.items()}
    parts = [INTRODUCTION, "".join(_which(kinds[place], place, one) for place, one in found.items()), READING]
    for place, one in found.items():
        if lacking := len(one.networks) - len(keyed[kinds[place]]):
            count = f"{lacking} of {len(one.networks)} networks of {kinds[place]}"
            parts.append(f"{count} have no key frequencies and are not in the table.\n")
    parts.append(numbers_table(keyed))
    parts += [_each(kinds[place], one) for place, one in found.items()]
    parts.append("## Where it comes from\n")
    parts += [_origin(place, one) for place, one in found.items()]
    return "\n".join(parts)


def _which(kind: str, place: str, one: Apart) -> str:
    role = JUDGED if Path(place).match(CIRCUITS) else LOOKED_AT
    count = f"{len(one.networks)} network{'s' * (len(one.networks) != 1)}"
    return f"- **{kind}**: {count} after {one.step:,} steps; {role}.\n"


def _each(kind: str, one: Apart) -> str:
    """A row a network, and what is said of each."""
    known = list(enumerate(zip(one.networks, one.shown, strict=True)))
    rows = markdown(HEAD, [_row(run, network.values, said) for run, (network, said) in known])
    verdicts = [_verdict(run, said) for run, (_, said) in known if said is not None]
    return "\n".join([f"## Each network: {kind}\n", rows, *verdicts])


def _row(run: int, values: Numbers, said: Shown | None) -> list[str]:
    cells = [_cell(values.get(name, ()), of, share=share) for _, name, of, share in COLUMNS]
    if said is None:
        return [str(run), "-", _cell(values.get(KEY, ()), max), "-", *cells]
    asked = [line for line in said.lines if line["standing"] != "cannot be asked"]
    holding = sum(line["standing"] == "holds" for line in asked)
    return [str(run), str(said.seed), ", ".join(map(str, said.key)) or "none", f"{holding} of {len(asked)}", *cells]


def _verdict(run: int, said: Shown) -> str:
    lines = [f"**Run {run}**: {said.sentence}.\n"]
    if said.key:
        lines += [f"- {line['name']}: {line['standing']}; {line['sentence']}." for line in said.lines]
    lines += [f"- does not fit: {misfit}." for misfit in said.misfits]
    return "\n".join(lines) + "\n"


def _origin(place: str, one: Apart) -> str:
    made = f"`{place}`, made by `python -m groklab.claims.kept_circuits` from the networks of"
    return "\n".join([f"{made}\n\n```sh\n{one.command}\n```\n", *session_lines(one.sessions)]) + "\n"


def _has_key(values: Numbers) -> bool:
    return any(values.get(KEY, ()))


def _cell(values: Sequence[float], of: Callable[[Sequence[float]], float], *, share: bool = False) -> str:
    return shown(of(values), share=share) if values else "-"


if __name__ == "__main__":
    try:
        if len(sys.argv) != 3:
            raise Mistake("give the folder of the kept results and the page, such as results docs/studies/circuit.md")
        sys.stdout.write(f"{write(Path(sys.argv[1]), Path(sys.argv[2]))}\n")
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
