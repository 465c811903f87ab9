"""The study page's tables from stores: `python -m groklab.circuits.page STORE... > docs/studies/circuit.md`."""

import sys
from collections.abc import Sequence

from groklab.circuits.circuit import Circuit
from groklab.circuits.published import markdown_table
from groklab.circuits.taking_apart import take_apart
from groklab.errors import Mistake
from groklab.record import Record


def page(paths: Sequence[str]) -> str:
    """A Markdown page: for every store a table published | ours over its runs, and each run's verdict."""
    parts = [
        "# The Fourier circuit, published and ours\n",
        "Published: Nanda et al. 2023, the main run (P = 113, one network). What each number means: "
        "[circuits](../circuits.md).\n",
    ]
    for path in paths:
        record = Record(path)
        circuits = [
            take_apart(record.model(run), record.task(run), record.split(run)) for run in range(len(record.runs))
        ]
        first = record.runs[0]
        parts.append(f"## {record.study}, {record.scale} scale: {record.task(0).name}, {first.steps:,} steps\n")
        shown = [circuit for circuit in circuits if circuit.key is not None and circuit.key.used]
        if len(shown) < len(circuits):
            without = len(circuits) - len(shown)
            parts.append(f"{without} of {len(circuits)} networks have no key frequencies and are not in the table.\n")
        parts.append(markdown_table(shown))
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
        print(page(sys.argv[1:]))
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
