"""The study page's tables from stores: `python -m groklab.circuits.page STORE... > docs/studies/circuit.md`."""

import sys
from collections.abc import Sequence

from groklab.circuits.circuit import Circuit
from groklab.circuits.published import markdown_table
from groklab.circuits.taking_apart import take_apart
from groklab.errors import Mistake
from groklab.record import Record


def page(paths: Sequence[str]) -> str:
    """A Markdown page: published | ours, a column for every store, and each network's verdict."""
    kinds: dict[str, list[Circuit]] = {}
    lengths: list[str] = []
    for path in paths:
        record = Record(path)
        runs = range(len(record.runs))
        name = f"{record.scale} scale, {record.task(0).name}"
        kinds[name] = [take_apart(record.model(run), record.task(run), record.split(run)) for run in runs]
        lengths.append(f"{record.runs[0].steps:,} steps at {record.scale} scale")
    shown = {name: [one for one in circuits if one.key and one.key.used] for name, circuits in kinds.items()}
    parts = [
        "# The Fourier circuit, published and ours\n",
        "Networks trained on modular addition, each taken apart at its last step by `groklab circuit`, beside the "
        "numbers of Nanda et al. 2023 for their main run (P = 113, one network, 40,000 epochs). What each number "
        "means: [circuits](../circuits.md).\n",
        f"Ours were trained for {' and '.join(lengths)}. Only the paper scale has the published task and network; "
        "losses at laptop scale are there to be compared with each other, not with the published ones. A cell is the "
        "mean over all networks of its column, and over all directions, heads or frequencies of a network where there "
        "are several; the least and the largest value stand in brackets. Losses are in nats, on all pairs.\n",
        "## The numbers\n",
        *(
            f"{len(circuits) - len(shown[name])} of {len(circuits)} networks of {name} have no key frequencies "
            "and are not in the table.\n"
            for name, circuits in kinds.items()
            if len(shown[name]) < len(circuits)
        ),
        markdown_table(shown),
    ]
    for name, circuits in kinds.items():
        parts.append(f"## Each network: {name}\n")
        parts += [_verdict(run, circuit) for run, circuit in enumerate(circuits)]
    return "\n".join(parts)


def _verdict(run: int, circuit: Circuit) -> str:
    verdict = circuit.verdict
    lines = [f"**Run {run}**: {verdict.sentence}.\n"]
    if circuit.key is not None and circuit.key.used:
        lines += [f"- {line.name}: {line.standing}; {line.sentence}." for line in verdict.lines]
    lines += [f"- does not fit: {misfit}." for misfit in verdict.misfits]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(page(sys.argv[1:]))
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
