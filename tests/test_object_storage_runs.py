"""Studies trained into object storage, and every command that reads a store, on stores there."""

import asyncio
import json

import numpy as np
import pytest

import groklab as gl
from fake_study import known, store  # noqa: F401
from groklab.cli import main
from groklab.engines import preparing
from groklab.measures import built_in
from groklab.serve import Site
from groklab.store import Reader, lease
from groklab.store.place import Place
from kept_networks import grokking_runs, store_networks
from object_storage import SECRET, Fault, every
from serving import grown

FEW = (
    *("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "trig_share"),
    *("excluded_loss", "excluded_loss_by_frequency"),
)
SMALL = {
    "modulus": 7,
    "split.fraction": 0.6,
    "d_model": 8,
    "d_mlp": 16,
    "heads": 2,
    "steps": 400,
    "logging.every": 20,
    "checkpoints.every": 100,
}
TROUBLE = (
    Fault(status=503, code="SlowDown"),
    Fault(after=True),
    Fault(wait=0.05),
    Fault(cut=True),
    Fault(status=500, code="InternalError"),
    Fault(before=True),
)


@pytest.fixture(autouse=True)
def measured_less(monkeypatch):
    few = tuple(measure for measure in built_in() if measure.name in FEW)
    monkeypatch.setattr(preparing, "built_in", lambda: few)


def study():
    return gl.studies.nanda.mainline("laptop", seeds=2).replace(SMALL)


def everything(record):
    """All that a store holds of its runs, but for when and where they were trained."""
    reader = Reader(record.path)
    return (
        record.metrics(),
        [{step: reader.checkpoint(run, step) for step in record.steps(run)} for run in range(len(record.runs))],
        record.statuses,
        {name: dict(reader.saved(name).arrays) for name in reader.manifest.batches},
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        few = tuple(measure for measure in built_in() if measure.name in FEW)
        patch.setattr(preparing, "built_in", lambda: few)
        return everything(gl.run(study(), tmp_path_factory.mktemp("local") / "out"))


def alike(one, other):
    assert one[0].identical(other[0])
    np.testing.assert_equal(one[1], other[1])
    assert one[2] == other[2]
    np.testing.assert_equal(one[3], other[3])


def test_a_study_is_the_same_there_however_bad_the_way(storage, undisturbed):
    with storage.going(every(11, *TROUBLE)):
        alike(everything(gl.run(study(), storage.url("sweep"), commit_seconds=0.05)), undisturbed)
    alike(everything(gl.open(storage.url("sweep"))), undisturbed)


def test_a_study_that_was_interrupted_goes_on_there(storage, undisturbed):
    class Enough(Exception):
        pass

    def stop(progress):
        if progress.doing == "training" and progress.done > 300:
            raise Enough

    with pytest.raises(Enough):
        gl.run(study(), storage.url("sweep"), watch=stop, commit_seconds=0.05)
    before = gl.open(storage.url("sweep")).statuses[0].step
    alike(everything(gl.run(study(), storage.url("sweep"))), undisturbed)
    assert 0 < before < SMALL["steps"]


def test_a_writer_that_was_taken_over_stops_with_one_line(storage, monkeypatch):
    """The lease runs out at once and a second process takes the batch; the first one's next commit says so."""
    url, others = storage.url("sweep"), []

    def take(progress):
        if progress.doing == "training" and progress.done > 100 and not others:
            others.append(1)
            with storage.going(lambda asked: Fault(later=lease.LIFE + 5)):
                gl.run(study(), url)

    with pytest.raises(gl.StoreError, match=r"was taken over by .*; this one stops here, and what that one commits"):
        gl.run(study(), url, watch=take, commit_seconds=0.05)
    assert all(status.ended for status in gl.open(url).statuses)


def asked(capsys, *words):
    """The status of a command, and what it prints."""
    status = main(list(words))
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    return status, out, err


@pytest.mark.usefixtures("known")
def test_the_commands_for_what_was_measured(storage, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url, local = storage.url("fake/sweep"), str(tmp_path / "local")
    store(url)
    store(local)
    status, out, _ = asked(capsys, "show", url, "--json")
    assert status == 0
    assert json.loads(out) == json.loads(asked(capsys, "show", local, "--json")[1]) | {"path": url}
    status, out, _ = asked(capsys, "claims", storage.url("fake"), "--json")
    assert status == 0
    there = json.loads(asked(capsys, "claims", local, "--json")[1])
    assert json.loads(out)["results"] == [there["results"][0] | {"path": url}]
    only = ("--only", "test_loss", "--only", "test_accuracy")
    assert asked(capsys, "keep", url, "--out", "a.zip", *only)[0] == 0
    assert asked(capsys, "keep", local, "--out", "b.zip", *only)[0] == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    curves = grown(storage.url("fake/curves"))
    status, out, _ = asked(capsys, "report", curves)
    assert (status, out) == (0, "curves-report.html\n")
    assert curves in (tmp_path / "curves-report.html").read_text()
    status, _, err = asked(capsys, "show", storage.url("nothing"))
    assert (status, err.count("\n")) == (2, 1)


def test_the_commands_for_networks(storage, tmp_path, capsys):
    url = storage.url("sweep")
    store_networks(url, *grokking_runs())
    status, out, _ = asked(capsys, "circuit", url, "--run", "1", "--json")
    assert status == 0
    assert json.loads(out)["key"]["used"] == [2, 5]
    file = tmp_path / "weights.safetensors"
    assert asked(capsys, "export", url, "--run", "1", "--out", str(file))[0] == 0
    assert file.stat().st_size > 1000


@pytest.mark.usefixtures("known")
def test_the_pages_are_served_from_there(storage):
    url = grown(storage.url("fake/sweep"))

    async def look(at, name):
        site = Site(Place.of(at))
        assert await site.names() == [name]
        state = await site.state(name)
        assert (state.study, state.runs, state.ended, state.problem) == ("fake/small", 3, 3, "")
        assert await site.state("sweeps") is None
        page = await site.page(name)
        assert url.encode() in page.body
        return state.version

    assert asyncio.run(look(url, "")) == asyncio.run(look(storage.url("fake"), "sweep"))
    with storage.going(lambda asked: Fault(status=403, code="AccessDenied")):
        site = Site(Place.of(url))
        assert asyncio.run(site.names()) == []
