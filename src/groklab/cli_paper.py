"""All studies of a paper, one after another."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from groklab import cli_tables, cli_train
from groklab.cli_how import How
from groklab.cli_usage import quoted, say
from groklab.errors import GivenUp, Mistake, StoreError
from groklab.findings.words import duration
from groklab.store.place import Place
from groklab.store.places import is_store
from groklab.studies import Study, named, papers

if TYPE_CHECKING:
    from groklab.record import Record


def names() -> list[str]:
    """The papers whose studies can be run together."""
    return list(papers())


def studies_of(paper: str, scale: str, seeds: int | None, changes: Sequence[str]) -> list[Study]:
    """All studies of a paper, checked before any is trained. Raises `Mistake` as `cli_train.made`, naming it."""
    made: list[Study] = []
    for experiment in named(paper):
        try:
            made.append(cli_train.made(experiment, scale, seeds, changes))
        except Mistake as mistake:
            raise Mistake(f"{experiment.name}: {mistake}") from None
    return made


def places_of(studies: Sequence[Study], folder: Place) -> list[tuple[Study, Place]]:
    """Each study with the folder of its runs. Raises `StoreError` for a folder that holds those of a single study."""
    if is_store(folder):
        raise StoreError(f"{folder} holds the runs of one study; choose another --out for those of a whole paper")
    return [(study, folder / study.name.rpartition("/")[2]) for study in studies]


def train(studies: Sequence[Study], folder: Place, arguments: Sequence[str], how: How, as_json: bool) -> None:
    """Trains each study into its own folder in `folder`, or goes on with it: a line a study, and totals.

    With `as_json` the lines go to standard error, and a list with a document a study is printed at the end. Ends with
    status 1 when runs ended badly, raises `GivenUp` at the end where some were given up, and `StoreError` for a folder
    that holds the runs of a single study.
    """
    places = places_of(studies, folder)
    begun, bad, given, records = time.monotonic(), list[str](), list[str](), list["Record"]()
    with how.connection():
        for number, (study, place) in enumerate(places, start=1):
            title = f"{study.name} ({number} of {len(studies)})"
            started = time.monotonic()
            try:
                record, trained = cli_train.train(study, place, arguments, how, title)
            except GivenUp as given_up:
                given.append(f"{study.name}: {given_up}")
                _tell(f"{title}: {given_up}", as_json)
                continue
            records.append(record)
            took = f"{trained:,} run-steps in {duration(time.monotonic() - started)}" if trained else "done already"
            _tell(f"{title}: {_counts([record])}; {took}", as_json)
            bad += [
                f"{study.name} run {run}: {status.sentence}" for run, status in enumerate(record.statuses) if status.bad
            ]
    _tell(f"{len(studies)} studies: {_counts(records)}; {duration(time.monotonic() - begun)} in all", as_json)
    if as_json:
        cli_tables.print_json([cli_tables.document_of(record) for record in records])
    say(f"what they say of the claims: {quoted(['claims', str(folder)])}")
    if given:
        raise GivenUp("; ".join([*given, *bad]))
    cli_train.end_badly(bad, sum(len(record.runs) for record in records))


def _counts(records: "Sequence[Record]") -> str:
    rows = [row for record in records for row in record.table()]
    return f"{len(rows)} runs, {sum(row['grokked'] is not None for row in rows)} grokked"


def _tell(line: str, as_json: bool) -> None:
    if as_json:
        say(line)
    else:
        print(line, flush=True)
