"""What `run` is given: a study, all studies of a paper, or the file of a sweep; planned, and trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from groklab import cli_paper, cli_plan, cli_tables, cli_train
from groklab.cli_how import How
from groklab.cli_usage import quoted, say
from groklab.store.place import Place
from groklab.studies import Study


def run(
    context: typer.Context,
    name: str,
    scale: str,
    out: Place | None,
    seeds: int | None,
    changes: Sequence[str],
    how: How,
    dry: bool,
    as_json: bool,
) -> None:
    """Runs what is called `name`, or shows its plan alone where it is a `dry` run.

    Everything that may be a mistake in the words is looked at before anything heavy is imported.
    """
    if name in cli_paper.names():
        studies = cli_paper.studies_of(name, scale, seeds, changes)
        folder = out or _folder(name, scale)
        if dry:
            cli_plan.dry(cli_paper.places_of(studies, folder), how, as_json)
        else:
            cli_paper.train(studies, folder, context.obj, how, as_json)
        return
    is_sweep = name.endswith(cli_plan.SWEEP)
    study = cli_plan.sweep_of(name, context) if is_sweep else cli_train.study_of(name, scale, seeds, changes)
    folder = out or _folder(study.name, study.scale)
    if dry:
        cli_plan.dry([(study, folder)], how, as_json)
    else:
        plan = {"plan": cli_plan.first(study, folder, how).to_json()} if is_sweep else {}
        _train(study, folder, context.obj, how, as_json, plan)


def _folder(name: str, scale: str) -> Place:
    return Place(Path("runs")) / f"{name.replace('/', '-')}-{scale}"


def _train(
    study: Study, folder: Place, arguments: Sequence[str], how: How, as_json: bool, more: Mapping[str, object]
) -> None:
    """Trains one study, and shows a row a run; `more` is what a JSON document says beside them."""
    record, trained = cli_train.train(study, folder, arguments, how)
    if not trained:
        say(f"the runs in {folder} were done already")
    cli_tables.show_record(record, as_json, **more)
    say(f"see them: {quoted(['report', str(folder), '--out', str(folder.beside('report.html'))])}")
    cli_train.end(record)
