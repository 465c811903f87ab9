"""The best induction head of each network that completes subsequences, seen at work on one sequence."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from groklab.findings import HeatMap, Table
from groklab.studies.nanda._sequence_reading import arm_of
from groklab.tasks import SequenceTask
from groklab.tasks.sequences.settings import SubsequencesSettings
from groklab.training.settings import Run

if TYPE_CHECKING:
    import xarray

    from groklab.record import Record

SHOWN = 0
"""The test sequence that is shown, by its number: the first that the seed draws."""
SCORES = ("prefix_matching", "copying")


def patterns(record: "Record") -> "xarray.Dataset":
    """What the best induction head of each last kept network attends to on the first of its test sequences.

    By `network`, the run's number: `head`, the layer and number of that head of the last layer whose prefix matching
    over all test sequences is the highest, with that score and `copying`; `token` at each `position`; `pattern`, the
    attention from each position to each one `seen`; `source`, the position that an induction head looks at, -1 where
    the answer cannot be known.
    """
    import xarray

    from groklab.models import Transformer

    numbers = [
        number
        for number, run in enumerate(record.runs)
        if isinstance(run.task, SubsequencesSettings) and not record.statuses[number].bad
    ]
    if not numbers:
        return xarray.Dataset(coords={"network": numbers})
    scores = record.measure(SCORES, runs=numbers, steps=[-1]).max("step")
    heads = [str(head) for head in scores["head"].values.tolist()]
    best: list[int] = []
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number in numbers:
        model, task = record.model(number), record.problem(number)
        assert isinstance(model, Transformer)
        assert isinstance(task, SequenceTask)
        last = len(model.blocks) - 1
        of_last = [place for place, head in enumerate(heads) if head.startswith(f"{last}.")]
        prefix = scores["prefix_matching"].sel(run=number).values
        best.append(max(of_last, key=lambda place: prefix[place]))
        pattern = f"blocks.{last}.attn.pattern"
        examples = task.test_set(record.runs[number].data_seed)
        tokens = np.asarray(examples.tokens[SHOWN])
        _, kept = model.run(examples.tokens[SHOWN], [pattern])
        source = np.full(len(tokens), -1)
        source[-task.settings.positions :] = np.asarray(examples.source[SHOWN])
        seen.append((tokens, np.asarray(kept[pattern])[best[-1] - of_last[0]], source))
    token, attention, source = (np.stack(each) for each in zip(*seen, strict=True))
    places = np.arange(token.shape[1])
    of_best = {name: scores[name].values[np.arange(len(numbers)), best].astype(np.float32) for name in SCORES}
    return xarray.Dataset(
        {
            "head": ("network", np.array([heads[place] for place in best])),
            **{name: ("network", values) for name, values in of_best.items()},
            "token": (("network", "position"), token.astype(np.int32)),
            "source": (("network", "position"), source.astype(np.int32)),
            "pattern": (("network", "position", "seen"), attention.astype(np.float32)),
        },
        {"network": numbers, "position": places, "seen": places},
    )


def heads_table(found: "xarray.Dataset", runs: tuple[Run, ...]) -> list[Table]:
    """A row a network: its best head, and how much of its attention lies where an induction head's would."""
    rows: list[list[str | int | float | None]] = []
    for number, one in _each(found):
        source, pattern = one["source"].values, one["pattern"].values
        known = np.flatnonzero(source >= 0)
        there = pattern[known, source[known]]
        most = int(np.sum(pattern[known].argmax(axis=1) == source[known]))
        scores = [float(one[name]) for name in SCORES]
        even = float(np.mean(1 / (known + 1)))
        head = str(one["head"].values)
        rows.append([arm_of(runs[number])[1], runs[number].seed, head, *scores, float(there.mean()), even,
                     f"{most} of {len(known)}"])  # fmt: skip
    note = (
        "The head of the last layer with the highest prefix matching, of the last network: named by layer and number, "
        "with its scores over all test sequences. The rest is of the first test sequence that the run's seed draws, "
        "which is the one in the pictures: its mean attention to the places where an induction head looks, that is "
        "from each token of the block's second copy to the token after the same one in the first; what that would be "
        "if all tokens so far were attended to alike; and at how many positions it attends to that place most."
    )
    columns = [
        "data", "seed", "head", "prefix matching", "copying", "attention to the place", "were it even",
        "there most of all",
    ]  # fmt: skip
    table = Table(title="The best induction heads on one sequence", columns=columns, rows=rows, note=note)
    return [table] if rows else []


def heads_shown(found: "xarray.Dataset", runs: tuple[Run, ...]) -> list[HeatMap]:
    """The attention of the first network with unlimited data, and of the first with limited, as pictures."""
    first: dict[str, tuple[int, xarray.Dataset]] = {}
    for number, one in _each(found):
        first.setdefault(arm_of(runs[number])[1], (number, one))
    return [_picture(one, data, runs[number].seed) for data, (number, one) in first.items()]


def _picture(one: "xarray.Dataset", data: str, seed: int) -> HeatMap:
    tokens = [str(token) for token in one["token"].values.tolist()]
    source: Int[np.ndarray, " position"] = one["source"].values
    pattern: Float[np.ndarray, "position seen"] = one["pattern"].values
    return HeatMap(
        title=f"Attention of head {one['head'].values}, repeated subsequences, {data} data, seed {seed}",
        x="token attended to",
        y="token attended from",
        columns=tokens,
        rows=tokens,
        shade="attention (share)",
        # A position sees none after it.
        values=[[round(value, 4) if place <= row else None for place, value in enumerate(line)]
                for row, line in enumerate(pattern.astype(float).tolist())],
        most=1.0,
        marked=[(row, place) for row, place in enumerate(source.tolist()) if place >= 0],
        marks="where an induction head looks",
    )  # fmt: skip


def _each(found: "xarray.Dataset") -> "list[tuple[int, xarray.Dataset]]":
    """The number of every network, and what is known of it."""
    return [(number, found.isel(network=place)) for place, number in enumerate(found["network"].values.tolist())]
