"""Stores in object storage: the same contents whatever goes wrong on the way, one line for what cannot go right."""

import subprocess
import sys
import threading
import traceback
import warnings

import numpy as np
import pytest

import fake_study
import groklab as gl
from groklab.errors import Caution, StoreError
from groklab.store import Folder, Reader, begun, objects, repositories
from groklab.store.commits import commits
from groklab.store.failures import explanation
from groklab.store.kept import keep
from groklab.store.place import Place
from groklab.store.places import is_store, must_be_free, must_be_result, results_in
from object_storage import SECRET, Fault, every, refusing
from stores import FREQUENCY, LOSS, NORM, manifest, segment, small_store


def everything(at):
    """All that a reader finds."""
    reader = Reader(at)
    saved = {name: reader.saved(name) for name in ("x", "y")}
    return (
        reader.metrics(),
        {run: {step: reader.checkpoint(run, step) for step in reader.checkpoint_steps(run)} for run in range(3)},
        {name: dict(one.arrays) for name, one in saved.items()},
        {name: (one.step, one.meta) for name, one in saved.items()},
        reader.manifest,
    )


def alike(one, other):
    assert one[0].identical(other[0])
    np.testing.assert_equal(one[1:4], other[1:4])
    assert one[4] == other[4]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return small_store(tmp_path_factory.mktemp("local") / "out")


def test_a_store_is_the_same_there_as_in_a_folder(storage, local, tmp_path):
    url = storage.url("a/sweep")
    assert not begun(url)
    assert not is_store(url)
    must_be_free(url)
    assert small_store(url) == url
    alike(everything(url), everything(local))
    kept = [keep(Reader(at), tmp_path / f"{n}.zip", ["train_loss", "norm"]) for n, at in enumerate((local, url))]
    assert kept[0].read_bytes() == kept[1].read_bytes()
    assert begun(url)
    assert results_in(url) == [Place.of(url)]
    assert results_in(storage.url("")) == results_in(storage.url("a")) == [Place.of(url)]
    must_be_result(url)
    must_be_free(url)
    assert gl.open(url).path == Place.of(url)
    assert str(gl.open(url).path) == url
    with pytest.raises(StoreError, match=r"s3://.*/a is not a groklab store"):
        must_be_result(storage.url("a"))
    with pytest.raises(StoreError, match="nowhere is not a groklab store"):
        Reader(storage.url("nowhere"))
    with pytest.raises(StoreError, match="holds no groklab store and no kept result"):
        results_in(storage.url("nowhere"))
    with pytest.raises(StoreError, match="holds other files and no groklab store"):
        must_be_free(storage.url("a"))


def test_writing_goes_on_and_old_states_are_removed(storage, local):
    url = storage.url("sweep")
    small_store(url)
    with Folder(url, manifest()) as folder:
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        np.testing.assert_array_equal(writer.history(["train_loss"])[0], np.arange(5))
        before = len(objects.names(Place.of(url) / "batches/x/snapshots"))
        writer.compact(grace=0)
        assert len(objects.names(Place.of(url) / "batches/x/snapshots")) < before
        alike(everything(url), everything(local))
        writer.commit(**segment(5, 7, [2]))
    with Folder(url, manifest()) as folder:
        assert folder.batch("x", [LOSS, NORM], FREQUENCY).state().step == 6
    assert Reader(url).metrics().sizes["step"] == 7


FAULTS = {
    "errors": [Fault(status=500, code="InternalError"), Fault(status=503, code="SlowDown")],
    "no answers": [Fault(before=True), Fault(after=True)],
    "half answers": [Fault(cut=True)],
    "slow answers": [Fault(wait=0.3), Fault(wait=0.1)],
}


@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_fails_on_the_way_nothing_is_lost(storage, local, kind):
    url = storage.url("sweep")
    with storage.going(every(20 if kind == "half answers" else 9, *FAULTS[kind])):
        small_store(url)
        alike(everything(url), everything(local))
    alike(everything(url), everything(local))


def test_a_commit_whose_answer_is_lost_is_made_once(storage):
    url, lost = storage.url("sweep"), []

    def rule(asked):
        if asked.method == "PUT" and asked.names_tip and len(lost) < 4:
            lost.append(asked)
            return Fault(after=True)
        return None

    with Folder(url, manifest()) as folder:
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        with storage.going(rule):
            for step in range(4):
                writer.commit(**segment(step, step + 1, [0, 2]))
    assert len(lost) == 4
    assert list(Reader(url).metrics().step) == [0, 1, 2, 3]


def test_what_fails_in_the_middle_of_a_commit_leaves_the_last_one(storage):
    url = storage.url("sweep")
    with Folder(url, manifest()) as folder:
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        writer.commit(**segment(0, 3, [0, 2]))
        with (
            storage.going(refusing(403, "AccessDenied", "PUT")),
            pytest.raises(
                StoreError, match=r"no permission for .*\(AccessDenied\).*: everything up to step 2 is kept$"
            ),
        ):
            writer.commit(**segment(3, 5, [0, 2]))
        assert Reader(url).saved("x").step == 2
        writer.commit(**segment(3, 5, [0, 2]))
        assert Reader(url).saved("x").step == 4


MESSAGES = [
    (403, "InvalidAccessKeyId", r"the storage does not accept the credentials for s3:.*; set AWS_ACCESS_KEY_ID and"),
    (403, "SignatureDoesNotMatch", r"the storage does not accept the credentials .*\(SignatureDoesNotMatch\)"),
    (400, "ExpiredToken", r"the storage does not accept the credentials .*\(ExpiredToken\)"),
    (403, "AccessDenied", r"no permission for s3://.*; reading takes s3:GetObject and s3:ListBucket, writing"),
    (404, "NoSuchBucket", r"there is no bucket bucket-\d+ for s3://.*; create it, or check the name"),
    (400, "QuotaExceeded", r"no space left on s3://.*; free some or have its quota raised, and run the same command"),
    (507, "XMinioStorageFull", r"no space left on s3://.*\(XMinioStorageFull\)"),
    (301, "PermanentRedirect", r"lies in another region; set AWS_REGION to it"),
    (403, "RequestTimeTooSkewed", r"this machine's clock differs from that of s3://.*; set it"),
]


@pytest.mark.parametrize(("status", "code", "words"), MESSAGES)
def test_one_line_for_each_refusal_when_a_store_is_made(storage, status, code, words):
    rule = refusing(status, code)
    if status == 301:
        # Whoever is sent elsewhere asks where that is.
        rule = lambda asked: None if asked.method == "HEAD" else Fault(status=status, code=code)  # noqa: E731
    with storage.going(rule), pytest.raises(StoreError, match=words) as caught:
        Folder(storage.url("sweep"), manifest())
    assert "\n" not in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("status", "code", "words"), [MESSAGES[0], MESSAGES[3], MESSAGES[4], MESSAGES[5], MESSAGES[6]])
def test_one_line_for_each_refusal_in_the_middle(storage, status, code, words):
    with Folder(storage.url("sweep"), manifest()) as folder:
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        writer.commit(**segment(0, 3, [0, 2]))
        with storage.going(refusing(status, code)), pytest.raises(StoreError, match=words) as caught:
            writer.commit(**segment(3, 5, [0, 2]))
        assert "\n" not in str(caught.value)
        if code != "NoSuchBucket":
            assert str(caught.value).endswith(": everything up to step 2 is kept")


def test_a_full_bucket_can_still_be_read(storage, local):
    small_store(storage.url("sweep"))
    with storage.going(refusing(507, "XMinioStorageFull", "PUT")):
        alike(everything(storage.url("sweep")), everything(local))
        with pytest.raises(StoreError, match="no space left on"):
            Folder(storage.url("sweep"), manifest())


def said(storage, *arguments, **environment):
    """What the command line says and prints, and its status."""
    code = "from groklab.cli import script; script()"
    known = {name: value for name, value in (storage.environment | environment).items() if value}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **known},
        capture_output=True,
        text=True,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr
    return done.returncode, done.stderr


def test_credentials_are_found_in_the_usual_places_and_never_shown(storage, tmp_path):
    url, key = fake_study.store(storage.url("sweep")), storage.environment["AWS_ACCESS_KEY_ID"]
    bare = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    status, words = said(storage, "show", url, **bare)
    assert status == 2
    assert words.startswith(f"groklab: there are no credentials for {url}; set AWS_ACCESS_KEY_ID and")
    assert words.count("\n") == 1
    status, words = said(storage, "show", url, AWS_ACCESS_KEY_ID="SOMEBODYELSE")
    assert status == 2
    assert words.startswith(f"groklab: the storage does not accept the credentials for {url}")
    status, words = said(storage, "show", url, AWS_PROFILE="unheard")
    assert status == 2
    assert "(The config profile (unheard) could not be found); mend that, or set" in words
    profile = tmp_path / "credentials"
    profile.write_text(f"[lab]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n")
    shared = bare | {"AWS_SHARED_CREDENTIALS_FILE": str(profile), "AWS_PROFILE": "lab"}
    keeping = ("keep", url, "--only", "test_loss", "--out")
    assert said(storage, *keeping, str(tmp_path / "a.zip"), **shared) == (0, "")
    config = tmp_path / "config"
    config.write_text(f"[profile lab]\nendpoint_url = http://127.0.0.1:{storage.port}\nregion = us-east-1\n")
    by_file = {"AWS_ENDPOINT_URL_S3": "", "AWS_REGION": "", "AWS_CONFIG_FILE": str(config)}
    assert said(storage, *keeping, str(tmp_path / "b.zip"), **shared, **by_file) == (0, "")
    client = objects.connection().client
    content = b"".join(client.get_object(Bucket=storage.bucket, Key=one)["Body"].read() for one in every_key(storage))
    assert SECRET.encode() not in content
    assert key.encode() not in content


def every_key(storage):
    pages = objects.connection().client.get_paginator("list_objects_v2").paginate(Bucket=storage.bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def test_a_storage_that_is_not_there(storage):
    status, words = said(storage, "show", storage.url("sweep"), AWS_ENDPOINT_URL_S3="http://127.0.0.1:9")
    assert status == 2
    assert words.startswith(f"groklab: the storage of {storage.url('sweep')}")
    assert "cannot be reached; check the network and AWS_ENDPOINT_URL_S3" in words
    assert words.count("\n") == 1


def test_what_icechunk_says_of_a_storage_that_went_away(storage):
    text = "  x error getting object from object store dispatch failure\n  |-> tcp connect error\n"
    error = repositories.icechunk.IcechunkError(text)
    place, kept = Place.of(storage.url("sweep")), "everything up to step 5 is kept"
    words = explanation(error, place, kept)
    assert words.startswith("the storage of s3://")
    assert words.endswith(
        f"cannot be reached; check the network and AWS_ENDPOINT_URL_S3, and run the same command again: {kept}"
    )
    with storage.going(refusing(403, "AccessDenied")):
        assert explanation(error, place, kept).startswith("no permission for s3://")
    late = repositories.icechunk.IcechunkError("x invalid snapshot timestamp ordering. parent: `2`, child: `1`")
    assert explanation(late, place, kept).startswith("the clock of this machine is behind that of the one that")


def test_a_damaged_store_is_said_to_be_damaged(storage):
    url = storage.url("sweep")
    small_store(url)
    for key in every_key(storage):
        if "/batches/x/manifests/" in key:
            objects.connection().client.put_object(Bucket=storage.bucket, Key=key, Body=b"nothing")
    with pytest.raises(StoreError, match=r"the store s3://.* is damaged \(.*\); restore it from a copy"):
        Reader(url).metrics()


def test_two_who_make_a_store_at_once_make_one(storage):
    url, found, failed = storage.url("sweep"), [], []
    barrier = threading.Barrier(4)

    def make(given):
        barrier.wait()
        try:
            with Folder(url, given) as folder:
                found.append(folder.manifest)
        except StoreError as error:
            failed.append(str(error))

    kinds = [manifest(), manifest(), manifest(scale="paper"), manifest(scale="paper")]
    threads = [threading.Thread(target=make, args=(given,)) for given in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2, failed
    assert found[0] == found[1] == Reader(url).manifest
    assert len(failed) == 2
    assert all("was made with other settings: scale: " in words for words in failed)


def test_what_was_killed_while_it_was_made_is_made_to_the_end(storage):
    url = storage.url("sweep")
    place = Place.of(url) / "study"
    repositories.open_or_create(place)
    objects.connection().client.delete_object(Bucket=place.bucket, Key=f"{place.key}/{objects.TIP}")
    assert not begun(url)
    small_store(url)
    assert Reader(url).metrics().sizes["run"] == 3


@pytest.mark.parametrize("kind", ["not seen", "not implemented"])
def test_storage_that_cannot_make_writes_conditional_is_used_with_a_warning(storage, local, kind):
    url = storage.url("sweep")

    def rule(asked):
        if not {"if-match", "if-none-match"} & asked.headers.keys():
            return None
        return Fault(without_conditions=True) if kind == "not seen" else Fault(status=501, code="NotImplemented")

    with storage.going(rule):
        with pytest.warns(Caution, match="cannot make writes conditional, so that nothing keeps two processes"):
            small_store(url)
        alike(everything(url), everything(local))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Folder(url, manifest()).close()


def test_watching_costs_little_and_sees_what_matters(storage):
    url = storage.url("sweep")
    assert commits(url).identifiers == ()
    small_store(url)
    first = commits(url)
    assert [name.partition("@")[0] for name in first.identifiers] == ["study", "x", "y"]
    storage.asked.clear()
    assert commits(url) == first
    # For the study, for each of two batches, and for what is derived of them, which is not there.
    assert [asked.method for asked in storage.asked] == ["GET"] * 4
    assert all(asked.names_tip for asked in storage.asked)
    with Folder(url, manifest()) as folder:
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        writer._transactions._lease.renewed -= 1000
        writer.renew()
        begin = commits(url)
        writer._transactions._lease.renewed -= 1000
        writer.renew()
        assert commits(url).identifiers == begin.identifiers
        writer.commit(**segment(5, 6, [2]))
        after = commits(url)
        assert after.identifiers != begin.identifiers
        assert after.written > first.written
    assert commits(url).identifiers == after.identifiers


def test_only_the_newest_is_read_anew_by_readers(storage):
    url = storage.url("sweep")
    small_store(url)
    reader = Reader(url)
    reader.metrics()
    storage.asked.clear()
    reader.metrics()
    assert not [asked for asked in storage.asked if "list-type" in asked.query]
    assert not [asked for asked in storage.asked if "/snapshots/" in asked.path]


def test_the_age_of_a_commit_is_known_though_the_answer_breaks_off(storage):
    url = small_store(storage.url("a/sweep"))
    place = Place.of(url) / "batches" / "x"
    whole = objects.tip(place)
    with storage.going(lambda asked: Fault(cut=True) if asked.names_tip else None):
        cut = objects.tip(place)
    assert (cut.tag, cut.written) == (whole.tag, whole.written)
    assert 0 <= whole.age <= cut.age
