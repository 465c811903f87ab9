"""From the words of `run` and `demo` to a study, and from the study to its record."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from groklab.cli_how import LOCALLY, How
from groklab.cli_usage import Interrupted, quoted, say
from groklab.engines.interruption import DETACHED
from groklab.errors import Mistake
from groklab.store.place import Place
from groklab.store.places import must_be_free
from groklab.studies import Experiment, Study, find
from groklab.training.plan import check, with_parents

if TYPE_CHECKING:
    from groklab.record import Record


def study_of(name: str, scale: str = "laptop", seeds: int | None = None, changes: Sequence[str] = ()) -> Study:
    """The study that the words ask for, checked without anything heavy; see `made` for what is refused."""
    return made(find(name), scale, seeds, changes)


def made(experiment: Experiment, scale: str, seeds: int | None, changes: Sequence[str]) -> Study:
    """A study of an experiment, checked without anything heavy.

    `changes` are texts `FIELD=VALUE`. Raises `Mistake` for a scale or field that is not known, a value that does not
    fit, tasks and training sets that cannot be, and runs that would be the same.
    """
    study = experiment(scale, seeds)
    first = study.runs[0]
    values: dict[str, object] = {}
    for change in changes:
        field, equals, text = change.partition("=")
        if not (field and equals):
            raise Mistake(f"--set takes FIELD=VALUE, such as weight_decay=0.5, not {change!r}")
        path = first.resolve(field)
        if path in values:
            raise Mistake(f"--set gives {path} twice; give it once")
        values[path] = first.parse(field, text)
    study = study.replace(values)
    if len(set(study.runs)) < len(study.runs):
        given = " ".join(changes)
        hint = "add --seeds 1" if "seed" in values else "it varies that itself, set something else"
        raise Mistake(f"with --set {given} some of the {len(study.runs)} runs of {study.name} are the same; {hint}")
    check(with_parents(study.runs))
    return study


def train(
    study: Study, folder: Place, arguments: Sequence[str], how: How = LOCALLY, title: str = ""
) -> "tuple[Record, int]":
    """Trains a study, or goes on with it. Returns its record and the run-steps that were trained now.

    `title` stands before the words of its progress. Raises `Interrupted` with the command that goes on, which is the
    one that was given: `arguments`.
    """
    from groklab.display import Display

    must_be_free(folder)
    with Display(title=title) as display:
        try:
            import groklab

            record = groklab.run(study, folder, watch=display, **how.options(study, folder))
        except KeyboardInterrupt as interrupt:
            last = display.last
            done = f"{last.done:,} of {last.total:,} run-steps" if last else "no steps"
            where, command = f" in {title}" if title else "", quoted(arguments)
            if DETACHED in interrupt.args:
                raise Interrupted(f"detached{where} after {done}; the cluster goes on; watch with: {command}") from None
            kept = "what was committed before is kept" if interrupt.args else "everything up to there is kept"
            raise Interrupted(f"interrupted{where} after {done}; {kept}; go on with: {command}") from None
    return record, display.last.trained if display.last else 0


def end(record: "Record") -> None:
    """Ends with exit status 1, and the reasons, when a run ended badly."""
    bad = [f"run {run}: {status.sentence}" for run, status in enumerate(record.statuses) if status.bad]
    end_badly(bad, len(record.statuses))


def end_badly(bad: Sequence[str], runs: int) -> None:
    """Ends with exit status 1 when some of the runs ended badly: a reason each."""
    if bad:
        more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
        say(f"{len(bad)} of {runs} runs ended badly: {'; '.join(bad[:3])}{more}")
        raise typer.Exit(1)
