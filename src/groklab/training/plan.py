"""Runs of equal shape packed into batches, the runs that others need first."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from groklab.errors import Mistake
from groklab.models.settings import LinearSettings, TransformerSettings
from groklab.tasks import Problem, Samples, SequenceSettings, SequenceTask, Task, problem_of
from groklab.training.key_choice import given_key
from groklab.training.settings import Run
from groklab.training.train_size import train_size

BATCHED = ("seed", "optimiser.learning_rate", "optimiser.weight_decay", "model.init_scale")
"""Fields in which the runs of one batch may differ; the training set, the start and the intervention may too."""

PADDING = 1.5
"""Largest ratio of training-set sizes in one batch: what is smaller is padded to the largest."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Runs that are trained together, every array with a leading `run` axis."""

    name: str
    """Digest of the runs' settings: the same runs have the same name everywhere."""
    members: tuple[int, ...]
    """Their numbers in the study."""
    runs: tuple[Run, ...]
    """Their settings."""


def with_parents(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs in order, each after its `Run.parents`, none twice."""
    ordered: dict[Run, None] = {}

    def add(run: Run) -> None:
        for parent in run.parents:
            add(parent)
        ordered.setdefault(run)

    for run in runs:
        add(run)
    return tuple(ordered)


def plan(runs: tuple[Run, ...], largest: int | Callable[[tuple[Run, ...]], int] = 8) -> list[Batch]:
    """Packs runs into batches of at most `largest`, parents in earlier batches than their children.

    `largest` is a number, or says it for runs of one shape, which it is given in the order of their training sets'
    sizes. The order and the packing depend on the settings and on `largest` alone, so that the same study gives the
    same batches.
    """
    check(runs)
    groups: dict[tuple[int, Run], list[int]] = {}
    for number, run in enumerate(runs):
        groups.setdefault((_generation(run), _shape(run)), []).append(number)
    batches: list[Batch] = []
    for key in sorted(groups, key=lambda key: key[0]):
        bucket: list[int] = []
        ordered = sorted(groups[key], key=lambda number: (train_size(runs[number]), number))
        most = largest if isinstance(largest, int) else largest(tuple(runs[number] for number in ordered))
        for number in ordered:
            if bucket and (len(bucket) == most or train_size(runs[number]) > PADDING * train_size(runs[bucket[0]])):
                batches.append(_batch(runs, bucket))
                bucket = []
            bucket.append(number)
        batches.append(_batch(runs, bucket))
    return batches


def planned(runs: tuple[Run, ...], members: Mapping[str, Sequence[int]]) -> list[Batch]:
    """The batches of an earlier plan, by name and numbers of their runs, parents in earlier batches."""
    batches = [
        Batch(name=name, members=tuple(numbers), runs=tuple(runs[number] for number in numbers))
        for name, numbers in members.items()
    ]
    return sorted(batches, key=lambda batch: _generation(batch.runs[0]))


def check(runs: Iterable[Run]) -> None:
    """Raises `Mistake` for the first run whose task, training set, key frequencies or intervention cannot be.

    Costs milliseconds.
    """
    for run in runs:
        size, task = train_size(run), problem_of(run.task)
        _check_problem(run, task)
        classes = task.classes if isinstance(run.model, LinearSettings) else run.model.classes
        given_key(run.key_frequencies, task)
        if classes is not None and classes < task.classes:
            raise Mistake(
                f"model.classes is {classes}, but {task.name} has {task.classes} answers; "
                f"give at least {task.classes}, or null"
            )
        if run.intervention is not None and run.intervention.change in ("memory", "keys") and task.group is None:
            raise Mistake(
                f"intervention.change {run.intervention.change}: {task.name} has no group, hence no key frequencies; "
                "give order or decay"
            )
        start = None if run.start is None else problem_of(run.start.task)
        if start is not None and (start.vocabulary, start.length) != (task.vocabulary, task.length):
            raise Mistake(f"a run of {task.name} cannot start from one of {start.name}: their tokens differ")
        if run.batch_size is not None and run.batch_size > size and not _unlimited(run):
            raise Mistake(
                f"batch_size {run.batch_size} is above the training set's {size} examples; give at most {size}"
            )


def _unlimited(run: Run) -> bool:
    return isinstance(run.task, SequenceSettings) and run.task.examples is None


def _check_problem(run: Run, task: Problem) -> None:
    """Raises `Mistake` where what is learned, what learns it and how do not go together."""
    linear = isinstance(run.model, LinearSettings)
    if linear != isinstance(task, Samples):
        other = "the linear model" if linear else "a network"
        raise Mistake(f"{other} cannot learn {task.name}: samples and LinearSettings go with each other alone")
    if isinstance(task, Task):
        return
    if dataclasses.replace(run.split, seed=None) != Run().split:
        raise Mistake(f"{task.name} reads split.seed alone; its own fields say how much is trained on")
    if run.intervention is not None:
        raise Mistake(f"an intervention is made on networks that learn an operation's table, not {task.name}")
    if isinstance(task, SequenceTask):
        if not isinstance(run.model, TransformerSettings):
            raise Mistake(f"{task.name} is a sequence of tokens, which a transformer alone reads; give such a model")
        if (run.model.classes or task.vocabulary) < task.classes:
            raise Mistake(f"{task.name} has {task.classes} answers; give model.classes at least {task.classes}")
        if _unlimited(run) and run.batch_size is None:
            raise Mistake(f"{task.name} with unlimited data has no full batch; give a batch_size, or task.examples")


def _generation(run: Run) -> int:
    return max((1 + _generation(parent) for parent in run.parents), default=0)


def _shape(run: Run) -> Run:
    """The run with everything blanked in which the runs of a batch may differ."""
    blank = Run().flat()
    same: dict[str, object] = {path: blank[path] for path in BATCHED}
    return dataclasses.replace(run, split=Run().split, start=None, intervention=None).replace(
        {path: value for path, value in same.items() if path in run.flat()}
    )


def _batch(runs: tuple[Run, ...], members: list[int]) -> Batch:
    chosen = tuple(runs[number] for number in members)
    name = sha256("".join(run.digest for run in chosen).encode()).hexdigest()[:12]
    return Batch(name=name, members=tuple(members), runs=chosen)
