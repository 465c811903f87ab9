"""How a batch stands, read off its store."""

from groklab.store import Reader
from groklab.training import Batch, Status, Tick
from groklab.training.history import DECISIVE, History


def ended(reader: Reader, name: str) -> bool:
    """Whether every run of a batch has ended; what is measured afterwards may still be lacking."""
    saved = reader.saved(name, arrays=False)
    return saved is not None and all(Status(**status).ended for status in saved.meta["statuses"])


def committed(reader: Reader, name: str) -> int:
    """The step that a batch has committed last; -1 before its first."""
    saved = reader.saved(name, arrays=False)
    return -1 if saved is None else saved.step


def standing(reader: Reader, batch: Batch) -> Tick:
    """How far a batch is, as far as it is committed."""
    saved = reader.saved(batch.name, arrays=False)
    found = None if saved is None else reader.history(batch.name, DECISIVE)
    if saved is None or found is None:
        return Tick(done=0, trained=0, memorised=0, grokked=0, doing="training")
    over = sum(Status(**status).ended for status in saved.meta["statuses"])
    history = History(len(batch.runs), *found)
    return Tick(
        done=over * batch.runs[0].steps + (len(batch.runs) - over) * saved.step,
        trained=0,
        memorised=history.memorised,
        grokked=history.grokked,
        doing="training",
    )
