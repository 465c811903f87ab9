"""For all tests: Ctrl-C that is heard, and object storage (one server a process, a bucket and a proxy a test)."""

import itertools
import signal

import pytest

from object_storage import moto, proxied

NUMBERS = itertools.count(1)


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
