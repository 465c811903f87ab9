"""What a study computes of its networks together, once all of them have ended."""

from groklab.record import Record
from groklab.store import Reader, commit_derived
from groklab.studies.study import catalogue


def derive(record: Record) -> None:
    """Computes it and commits it, where the study asks for it, all runs have ended, and it is not there yet.

    Whatever ends this before leaves nothing, so that it is computed again from the start.
    """
    experiment = catalogue().get(record.study)
    if experiment is None or experiment.derived is None or not all(status.ended for status in record.statuses):
        return
    if Reader(record.path).derived() is None:
        commit_derived(record.path, experiment.derived(record))
