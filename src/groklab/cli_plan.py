"""The plan of a study before it is trained: batches, memory, time, storage; as a table or as JSON."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from signal import SIG_DFL, SIGINT, signal
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from groklab import cli_tables
from groklab.cli_usage import say
from groklab.errors import Mistake
from groklab.findings.words import duration
from groklab.store.places import must_be_free
from groklab.studies import Study

if TYPE_CHECKING:
    from groklab.cli_how import How
    from groklab.engines.estimate import BatchEstimate, Estimate, Known
    from groklab.engines.precision import Precision
    from groklab.engines.preparing import Prepared
    from groklab.models import LearnerSettings
    from groklab.store.place import Place

    Planned = tuple[Study, Place]
    """A study, and where its runs are to be kept."""

SWEEP = ".toml"
"""How the names of sweeps' files end."""
WORKERS = (2, 4, 8)
"""Numbers of machines for which the time is told."""
SHOWN = 24
"""Rows of the table at most."""
HEADINGS = ("batches", "runs each", "task", "network", "examples", "steps", "memory each", "time each", "time")


def sweep_of(path: str, context: typer.Context) -> Study:
    """The study that a sweep's file describes. Raises `Mistake` for options that say what the file says."""
    options = {"scale": "--scale", "seeds": "--seeds", "changes": "--set"}
    sources = {option: context.get_parameter_source(name) for name, option in options.items()}
    given = [option for option, source in sources.items() if source is not None and source.name != "DEFAULT"]
    if given:
        raise Mistake(f"{path} says itself what is run; leave out {', '.join(given)}, and write it into the file")
    from groklab.sweeps import read

    return read(path)


def plans(studies: "Sequence[Planned]", precision: "Precision") -> "list[Estimate]":
    """What each study would cost that is to go into the place beside it; nothing is written there.

    Raises `Mistake` and `StoreError` as training would.
    """
    from groklab.engines.estimate import estimate
    from groklab.engines.preparing import prepare
    from groklab.store import Reader, begun
    from groklab.store.manifest import must_agree

    prepared: list[tuple[Prepared, Place]] = []
    for study, place in studies:
        must_be_free(place)
        prepared.append((prepare(study, place), place))
    for one, place in prepared:
        if begun(place):
            must_agree(place, Reader(place).manifest, one.manifest)
    known: Known = {}
    return [estimate(one, place, precision=precision, known=known, say=say) for one, place in prepared]


def show(studies: "Sequence[Planned]", estimates: "Sequence[Estimate]", *, to: Console | None = None) -> None:
    """Prints a table a study, and what they cost together; on standard output by default."""
    console = to or cli_tables.terminal()
    for (study, place), estimate in zip(studies, estimates, strict=True):
        _show(study, place, estimate, console)
    if len(studies) > 1:
        steps, seconds = sum(one.run_steps for one in estimates), sum(one.seconds for one in estimates)
        storage = decimal(sum(one.storage for one in estimates))
        whole = f"{len(studies)} studies: at most {steps:,} run-steps, about {duration(seconds)}, {storage} in store"
        console.print(Text(whole), soft_wrap=True)


def document(study: Study, place: "Place", estimate: "Estimate") -> dict[str, object]:
    """A plan as a JSON document."""
    head: dict[str, object] = {"path": str(place), "study": study.name, "scale": study.scale}
    return head | estimate.to_json()


def dry(studies: "Sequence[Planned]", how: "How", as_json: bool) -> None:
    """Prints the plans of studies and nothing else; with `as_json` one document, a list for several studies."""
    estimates = plans(studies, how.precision)
    _say_where(how)
    if not as_json:
        show(studies, estimates)
        return
    documents = [document(*one, estimate) for one, estimate in zip(studies, estimates, strict=True)]
    cli_tables.print_json(documents[0] if len(documents) == 1 else documents)


def first(study: Study, place: "Place", how: "How") -> "Estimate":
    """Prints the plan of a study that is trained next, on standard error, and gives it."""
    if how.engine == "ray":
        # In a process of its own: one that has used an accelerator holds its memory, which the tasks need.
        try:
            with ProcessPoolExecutor(1, get_context("spawn"), signal, (SIGINT, SIG_DFL)) as pool:
                (estimate,) = pool.submit(plans, [(study, place)], how.precision).result()
        except BrokenProcessPool as error:
            raise Mistake(
                "the process that plans was killed, or died: perhaps this machine has too little memory for a batch"
            ) from error
    else:
        (estimate,) = plans([(study, place)], how.precision)
    _say_where(how)
    show([(study, place)], [estimate], to=cli_tables.terminal(stderr=True))
    return estimate


def _say_where(how: "How") -> None:
    if how.engine == "ray":
        say("the plan is for this machine; the cluster makes batches of its own, to fit its machines")


def _show(study: Study, place: "Place", estimate: "Estimate", console: Console) -> None:
    left = [batch for batch in estimate.batches if batch.left]
    runs = sum(batch.shape.runs for batch in estimate.batches)
    title = f"{study.name}, {study.scale} scale: {_several(runs, 'run')} in {_several(len(estimate.batches), 'batch')}"
    if not left and not estimate.derivation:
        console.print(Text(f"{title}; nothing is left to do, {place} has them all"), soft_wrap=True)
        return
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("task", "network") else "right")
    rows = _rows(left, estimate)
    for row in rows[:SHOWN]:
        table.add_row(*map(Text, row))
    console.print(table)
    if len(rows) > SHOWN:
        console.print(Text(f"and {len(rows) - SHOWN} rows more; --json has every batch"), soft_wrap=True)
    for line in _lines(estimate, left):
        console.print(Text(line), soft_wrap=True)


def _rows(left: "Sequence[BatchEstimate]", estimate: "Estimate") -> list[tuple[str, ...]]:
    """A row for all batches that are alike."""
    from groklab.tasks import problem_of

    counts = Counter((batch.shape, batch.steps, batch.memory, batch.seconds) for batch in left)
    rows: list[tuple[str, ...]] = []
    for (shape, steps, memory, seconds), count in counts.items():
        rows.append(
            (
                f"{count:,}",
                f"{shape.runs}",
                problem_of(shape.like.task).name,
                _network(shape.like.model),
                f"{shape.examples:,}",
                f"{steps:,}",
                decimal(memory),
                duration(seconds),
                "measured" if shape in estimate.measured else "estimated",
            )
        )
    return rows


def _lines(estimate: "Estimate", left: "Sequence[BatchEstimate]") -> list[str]:
    done = f"; {estimate.run_steps_done:,} are done with" if estimate.run_steps_done else ""
    machine = f"{estimate.processor}, {_several(estimate.cores, 'core')}, device {estimate.device}"
    shapes = {batch.shape for batch in left}
    known = len(shapes & set(estimate.measured))
    lines = [
        f"cost: at most {estimate.run_steps:,} run-steps{done}; runs that end early make it less, in time too",
        f"time: about {duration(estimate.seconds)} on this machine ({machine}), without compiling",
    ]
    if estimate.load is not None and estimate.load > estimate.cores:
        lines.append(f"it was busy with other work (load {estimate.load:.1f}): on its own it is faster")
    if len(left) > 1:
        several = ", ".join(f"{duration(3600 * estimate.hours(n))} on {n}" for n in WORKERS)
        lines.append(f"on several machines like it, one batch each at a time: {several}")
    if len(shapes) > known:
        lines.append(
            f"measured were {known} of {len(shapes)} shapes, a second or two each; the others' time and memory follow "
            "from their arithmetic"
        )
    if estimate.derivation:
        lines.append("then the study computes something of its networks together, which takes time besides")
    lines.append(
        f"memory: up to {decimal(estimate.memory)} for a batch; storage: {decimal(estimate.storage)} once all is done, "
        "before compression (both predicted)"
    )
    return lines


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 'es' if what.endswith('ch') else 's'}"


def _network(model: "LearnerSettings") -> str:
    from groklab.models import LinearSettings, TransformerSettings

    match model:
        case LinearSettings():
            return "linear model"
        case TransformerSettings():
            size = f"{model.d_mlp} neurons" if model.d_mlp else "attention only"
            return f"{model.layers} layer{'s' * (model.layers > 1)}, width {model.d_model}, {size}"
        case _:
            return f"MLP, {model.d_mlp} neurons"
