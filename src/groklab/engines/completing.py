"""The measures that a batch lacks once its runs have ended, computed from its kept networks."""

import time
from collections.abc import Callable, Iterable

from groklab.engines.standing import ended
from groklab.measures import Measure
from groklab.store import BatchWriter, Reader, Variable
from groklab.training import Batch, Trainer
from groklab.training.afterwards import KEY_FREQUENCY, Networks, attributes, evaluate, last_kept
from groklab.training.key_choice import OWN


def variables_of(batch: Batch, reader: Reader, measures: tuple[Measure, ...], own: Iterable[Measure]) -> list[Variable]:
    """What a store is to keep of a batch's measures, and of the key frequencies that they refer to.

    A batch that has ended and lacks a measure, because an earlier version of groklab trained it, gets it afterwards.
    """
    over, there = ended(reader, batch.name), reader.variables(batch.name)
    choice, users = batch.runs[0].key_frequencies, {measure.name for measure in own}
    variables: list[Variable] = []
    for measure in measures:
        later = measure.afterwards or (over and measure.name not in there)
        variables.append(_variable(measure, choice if later else OWN, later, own=measure.name in users))
    if any(variable.afterwards and "key_frequencies" in variable.notes for variable in variables):
        variables.append(_variable(KEY_FREQUENCY, choice, True, by_step=choice.strip() == OWN))
    return variables


def complete(
    batch: Batch,
    measures: tuple[Measure, ...],
    writer: BatchWriter,
    trainer: Trainer,
    interrupted: Callable[[], bool],
) -> None:
    """Computes what a batch lacks, and commits all of it at once.

    Whatever ends this before leaves nothing, so that it is computed again from the start. Raises
    `KeyboardInterrupt` where an interruption is asked for.
    """
    lacking = writer.lacking()
    if not lacking:
        return

    def between() -> None:
        trainer.tick("measuring")
        if interrupted():
            raise KeyboardInterrupt

    began = time.monotonic()
    steps, where = writer.kept()
    last = last_kept(steps, where)
    networks = Networks(runs=batch.runs, steps=steps, where=where, last=last, read=writer.weights)
    wanted = tuple(measure for measure in measures if measure.name in lacking)
    found = evaluate(networks, wanted, batch.runs[0].key_frequencies, between)
    values = found.values | ({} if found.key is None else {KEY_FREQUENCY.name: found.key})
    lacked = {name: value for name, value in values.items() if name in lacking}
    writer.fill(steps, lacked, seconds=time.monotonic() - began)


def _variable(measure: Measure, choice: str, later: bool, *, own: bool = False, by_step: bool = True) -> Variable:
    notes = attributes(measure, choice)
    return Variable(
        name=measure.name,
        dims=measure.dims,
        units=notes.pop("units"),
        description=notes.pop("description"),
        notes=notes,
        by_step=by_step,
        afterwards=later,
        own=own,
    )
