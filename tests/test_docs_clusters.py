"""What the pages tell to type and to apply: commands that exist, scripts and manifests that can be read."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from groklab import cli_how, cli_paper, cli_run
from groklab.cli import app
from groklab.sweeps import read
from groklab.tracking.choosing import known

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(console|bash|yaml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CLUSTER = ROOT / "docs" / "cluster.md"


def blocks(page: Path, language: str) -> list[str]:
    return [found[2] for found in BLOCK.finditer(page.read_text(encoding="utf-8")) if found[1] == language]


def typed(page: Path) -> Iterator[list[str]]:
    """Every line of a page's blocks that calls groklab, from its name on, as words."""
    shell = [*blocks(page, "console"), *blocks(page, "bash")]
    for text in shell:
        for line in text.replace("\\\n", " ").splitlines():
            if "groklab " in line and not line.startswith("#SBATCH"):
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if "groklab" in words:
                    yield words[words.index("groklab") :]
    for text in blocks(page, "yaml"):
        yield from (shlex.split(line) for line in re.findall(r"entrypoint: (groklab .*)", text))
    if page == CLUSTER:
        for line in re.findall(r"`(groklab run [^`]+)`", page.read_text(encoding="utf-8")):
            yield shlex.split(line)


COMMANDS = [(page.relative_to(ROOT).as_posix(), words) for page in PAGES for words in typed(page)]


def parsed(words: list[str]) -> Any:
    """What a command line gives to its command. Raises where there is no such command or option."""
    commands: dict[str, Any] = getattr(typer.main.get_command(app), "commands", {})
    return commands[words[1]].make_context(words[1], words[2:])


def test_there_are_commands_on_many_pages() -> None:
    assert len({page for page, _ in COMMANDS}) >= 5
    assert sum(page == "docs/cluster.md" for page, _ in COMMANDS) >= 12


@pytest.mark.parametrize(("page", "words"), [one for one in COMMANDS if one[1][1:] != ["--version"]])
def test_a_command_on_a_page_is_one(page: str, words: list[str]) -> None:
    """It is read as it would be when typed, and what a `run` names is there."""
    given = parsed(words).params
    if words[1] != "run":
        return
    assert given["engine"] in cli_how.ENGINES
    assert given["on_interrupt"] in cli_how.INTERRUPTING
    assert given["precision"] in cli_how.PRECISIONS
    known(given["track"] or [])
    study = given["study"]
    if study.endswith(".toml"):
        # On a cluster the repository lies elsewhere.
        inside = study.removeprefix("/shared/groklab/").removeprefix("/home/ray/groklab/")
        assert len(read(ROOT / inside).runs) > 1
    elif study in cli_paper.names():
        assert cli_paper.studies_of(study, given["scale"], given["seeds"], given["changes"] or [])
    else:
        assert cli_run.study_of(study, given["scale"], given["seeds"], given["changes"] or []).runs


def test_a_command_that_is_none_is_noticed() -> None:
    for words in ("groklab run nanda/mainline --adress auto", "groklab train nanda/mainline"):
        with pytest.raises(Exception, match=r"adress|train"):
            parsed(shlex.split(words))


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_scripts_can_be_read() -> None:
    scripts = blocks(CLUSTER, "bash")
    assert len(scripts) == 2
    for script in scripts:
        assert script.startswith("#!/bin/bash\n#SBATCH ")
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_what_is_asked_of_ray_exists() -> None:
    (script,) = (script for script in blocks(CLUSTER, "bash") if "symmetric-run" in script)
    found = find_spec("ray")
    assert found is not None
    assert found.origin is not None
    scripts = Path(found.origin).parent / "scripts"
    source = (scripts / "scripts.py").read_text() + (scripts / "symmetric_run.py").read_text()
    before = script.partition("symmetric-run")[2].partition(" -- ")[0]
    options = re.findall(r"--[a-z-]+", before)
    assert {"--address", "--min-nodes"} < set(options)
    assert all(f'"{option}"' in source for option in options)


def test_the_manifest_is_one_of_a_ray_job() -> None:
    (text,) = blocks(CLUSTER, "yaml")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    pods = [group["template"]["spec"]["containers"][0] for group in (head, workers)]
    assert len({pod["image"] for pod in pods}) == 1
    page = CLUSTER.read_text(encoding="utf-8")
    assert f"rayproject/ray:{cluster['rayVersion']}-py311" in page
    assert head["rayStartParams"]["num-cpus"] == "0"
    for pod in pods:
        (source,) = pod["envFrom"]
        assert f"create secret generic {source['secretRef']['name']} " in page
        assert {one["name"] for one in pod["env"]} == {"AWS_ENDPOINT_URL_S3", "AWS_REGION"}
        assert set(pod["resources"]["limits"]) == {"cpu", "memory"}
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]


def test_ray_on_the_page_is_the_one_that_is_pinned() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"^ray==([\d.]+)", lock, re.MULTILINE)
    (text,) = blocks(CLUSTER, "yaml")
    assert yaml.safe_load(text)["spec"]["rayClusterSpec"]["rayVersion"] == pinned
