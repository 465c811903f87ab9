"""Where stores lie: texts, paths and URLs as places."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer

from groklab.errors import StoreError
from groklab.store.place import Place


@pytest.mark.parametrize(
    ("given", "bucket", "key", "name", "text"),
    [
        ("s3://bucket/some/prefix", "bucket", "some/prefix", "prefix", "s3://bucket/some/prefix"),
        ("s3://bucket/some//prefix/", "bucket", "some/prefix", "prefix", "s3://bucket/some/prefix"),
        ("s3://bucket", "bucket", "", "bucket", "s3://bucket"),
        ("S3://my.bucket-1/", "my.bucket-1", "", "my.bucket-1", "s3://my.bucket-1"),
        (Path("s3://bucket/runs"), "bucket", "runs", "runs", "s3://bucket/runs"),
    ],
)
def test_urls_of_object_storage(given, bucket, key, name, text):
    place = Place.of(given)
    assert (place.local, place.bucket, place.key, place.name, str(place)) == (None, bucket, key, name, text)
    assert Place.of(text) == place
    assert str(place / "study") == f"{text}/study"
    assert place / "a" / "b" == place / "a/b"
    assert place.beside("report.html") == Path(f"{name}-report.html")
    assert not place.is_file()
    with pytest.raises(StoreError, match="is in object storage; give a local"):
        os.fspath(place)


def test_local_places_are_paths(tmp_path):
    (tmp_path / "kept.zip").touch()
    place = Place.of(str(tmp_path))
    assert place == Place.of(tmp_path) == Place.of(place) == pickle.loads(pickle.dumps(place))
    assert (place.local, str(place), place.name) == (tmp_path, str(tmp_path), tmp_path.name)
    assert place / "study" == Place.of(tmp_path / "study")
    assert place.beside("report.html") == tmp_path / "report.html"
    assert not place.is_file()
    assert (place / "kept.zip").is_file()
    assert Path(place) == tmp_path
    assert str(Place.of("runs/demo/")) == "runs/demo"
    ordered = [Place.of("a/b"), Place.of("a/b/c"), Place.of("a-b"), Place.of("s3://bu/b"), Place.of("s3://bu/b/c")]
    assert sorted([ordered[place] for place in (3, 1, 4, 0, 2)]) == ordered


@pytest.mark.parametrize("given", ["gs://bucket/x", "az://x", "file:///x", "https://host/x"])
def test_other_schemes_are_refused_with_what_is_accepted(given):
    with pytest.raises(StoreError, match=r":// are not supported; give a local folder, or s3://BUCKET/PREFIX$"):
        Place.of(given)


@pytest.mark.parametrize("given", ["s3://", "s3:///prefix", "s3://?/x"])
def test_urls_without_a_bucket(given):
    with pytest.raises(StoreError, match=r"names no bucket; give a local folder, or s3://BUCKET/PREFIX$"):
        Place.of(given)


def test_the_command_line_keeps_urls():
    seen = []
    app = typer.Typer()

    @app.command()
    def command(
        places: Annotated[list[Place], typer.Argument(parser=Place.of)],
        out: Annotated[Place, typer.Option(parser=Place.of)],
    ):
        seen.extend([*places, out])

    typer.main.get_command(app).main(["s3://bu/x", "runs", "--out", "s3://bu/y"], standalone_mode=False)
    assert seen == [Place.of("s3://bu/x"), Place.of("runs"), Place.of("s3://bu/y")]


def test_without_boto3_one_line_says_how_to_get_it(tmp_path):
    (tmp_path / "botocore.py").write_text("raise ImportError('not installed')")
    code = "from groklab.cli import main; print(main(['show', 's3://bucket/runs']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "2\n"
    assert done.stderr == "groklab: s3:// needs boto3, which is not installed: pip install 'groklab[s3]'\n"
