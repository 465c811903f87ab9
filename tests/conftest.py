"""For all tests: what takes long begins first, XLA is brief, Ctrl-C is heard, and object storage is there.

XLA compiles with few of its optimisations, in every process that a test starts too: a new machine has compiled nothing
yet, and that would be a third of the time. `JAX_DISABLE_MOST_OPTIMIZATIONS=0 make test` has it compile as for users.
"""

import itertools
import os
import signal

import pytest

from object_storage import moto, proxied

os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
NUMBERS = itertools.count(1)
LONG = ("test_engine_ray", "test_resuming", "test_object_storage", "test_sequence_training", "test_object_storage_runs")
"""Files that take minutes. Begun last, one of them would have all other workers wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]):
    """Long files first, longest before others."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Tests that a script begins in the background inherit an ignored SIGINT, and hand it on to what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def moto_port():
    with moto() as port:
        yield port


@pytest.fixture
def storage(moto_port, monkeypatch):
    """An empty bucket; this process knows how to get there."""
    with proxied(moto_port, f"bucket-{next(NUMBERS)}") as found:
        found.known(monkeypatch)
        yield found
