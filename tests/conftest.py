"""Object storage for tests: one server a process of tests, a bucket and a proxy a test."""

import itertools
import os

import pytest

from object_storage import moto, proxied

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def moto_port():
    with moto() as port:
        yield port


@pytest.fixture
def storage(moto_port, monkeypatch):
    """An empty bucket; this process knows how to get there."""
    with proxied(moto_port, f"bucket-{next(NUMBERS)}") as found:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found
