"""What the Ray engine refuses with one line, before anything is made and without any cluster."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import groklab as gl
from groklab.engines.cluster import connection
from groklab.engines.cluster.driver import _must_agree
from groklab.engines.cluster.job import Job
from groklab.tasks import Task
from ray_studies import ONE, STUDY, scaled_by


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"address": "nowhere"}, r"an address of a Ray cluster is auto, HOST:PORT or ray://HOST:PORT, not 'nowhere'"),
        ({"address": "127.0.0.1:1"}, r"no Ray cluster answers at 127.0.0.1:1 .*refused.*; start one with `ray start"),
        ({"on_interrupt": "detach"}, r"only on a cluster that outlives it: give the address of one"),
        ({"on_interrupt": "stop"}, r"on_interrupt takes cancel or detach, not 'stop'"),
        ({"engine": "local", "address": "auto"}, r"address and on_interrupt are for engine ray"),
        ({"engine": "rai"}, r"no engine is called 'rai'; did you mean ray"),
        ({"measures": scaled_by(1.0)}, r"measures takes a list of functions"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(options: dict[str, Any], line: str, tmp_path: Path) -> None:
    with pytest.raises(gl.Mistake, match=line) as caught:
        gl.run(ONE, tmp_path / "store", **{"engine": "ray"} | options)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda name: None)
    with pytest.raises(gl.Mistake, match=r"the engine ray needs Ray: pip install 'groklab\[ray\]'"):
        gl.run(ONE, tmp_path / "store", engine="ray")


def test_measures_that_cannot_be_sent_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:

        def unsendable(model: Any, task: Task) -> jax.Array:
            return jnp.float32(file.fileno())

        with pytest.raises(gl.Mistake, match=r"cannot be sent to a cluster \(.*\); write them without open files"):
            Job(place="/store", study=ONE, measures=(unsendable,)).packed()


def test_two_drivers_must_want_the_same() -> None:
    one = Job(place="/store", study=ONE)
    _must_agree(one, one.terms, *one.terms)
    for other, line in (
        (replace(one, groklab="0.0.1"), r"otherwise \(version of groklab: 0\.0\.1, not "),
        (replace(one, precision="tf32"), r"otherwise \(precision: tf32, not float32\)"),
        (replace(one, study=STUDY), r"otherwise \(study: test/killed, not test/one\)"),
        (replace(one, study=replace(ONE, runs=ONE.runs[:1])), r"otherwise \(settings of the runs\); give the same"),
    ):
        with pytest.raises(gl.StoreError, match=line):
            _must_agree(one, other.terms, *one.terms)
