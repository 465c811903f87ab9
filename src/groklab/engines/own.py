"""Measures of the user's own: those given, against those that a store remembers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from groklab.errors import Mistake, StoreError
from groklab.measures import Measure, built_in, on_request
from groklab.measures.own import TAKEN
from groklab.record import Record
from groklab.store import Reader


def own_measures(given: Iterable[Callable[..., Any] | Measure]) -> tuple[Measure, ...]:
    """A user's measures. Raises `Mistake` for what is none, and for names that are taken or given twice."""
    if callable(given):
        raise Mistake(f"measures takes a list of functions, [f], not {given!r}")
    own = tuple(Measure.of(one) for one in given)
    names = [measure.name for measure in own]
    taken = TAKEN | {measure.name for measure in (*built_in(), *on_request())}
    for name in names:
        if name in taken or not name.isidentifier():
            raise Mistake(f"a measure of your own cannot be called {name!r}: give it a name that is free")
        if names.count(name) > 1:
            raise Mistake(f"two measures are called {name}; give one of them another name")
    return own


def must_go_on(record: Record, own: Iterable[Measure]) -> None:
    """Raises `StoreError` where going on with a store would leave a user's measure NaN without a word.

    That is: a measure is missing that the store remembers, is new and was not taken at the steps logged so far, or
    was taken at other times.
    """
    reader, statuses = Reader(record.path), record.statuses
    remembered, given = reader.own(), {measure.name: measure.afterwards for measure in own}
    begun = any(status.state != "waiting" for status in statuses)
    unfinished = not all(status.ended for status in statuses) or not all(
        remembered.keys() <= reader.variables(name) for name in reader.manifest.batches
    )
    missing = [name for name in remembered if name not in given]
    if unfinished and missing:
        raise StoreError(
            f"{record.path} was begun with the measure{'s' * (len(missing) > 1)} {', '.join(missing)} of your own; "
            "give the same again in measures=[...], or choose another --out"
        )
    for name, afterwards in given.items():
        _must_fit(record, name, afterwards, remembered, begun)


def _must_fit(record: Record, name: str, afterwards: bool, remembered: Mapping[str, bool], begun: bool) -> None:
    if remembered.get(name, afterwards) != afterwards:
        when = "once the runs have ended" if remembered[name] else "at logged steps"
        raise StoreError(
            f"{record.path} has the measure {name} taken {when}; mark it so again, or choose another --out"
        )
    if begun and name not in remembered and not afterwards:
        raise StoreError(
            f"{record.path} was begun without the measure {name}; mark it @measured(afterwards=True), which is taken "
            "of the kept networks, use record.measure, or choose another --out"
        )
