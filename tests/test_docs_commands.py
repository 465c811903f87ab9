"""The page of the command line, as the site has it."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from groklab.cli import main

PAGE = Path(__file__).parent.parent / "docs" / "hooks" / "commands.py"


@pytest.fixture(scope="module")
def text() -> str:
    spec = importlib.util.spec_from_file_location("docs_commands", PAGE)
    assert spec is not None
    assert spec.loader is not None
    module = ModuleType(spec.name)
    spec.loader.exec_module(module)
    return module.page()


def test_every_command_has_a_section_with_an_example(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = re.findall(r"^│ (\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert {"demo", "run", "claims", "report", "circuit"} <= set(listed)
    for name in listed:
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert re.search(rf"^groklab {name}\b", section, re.MULTILINE), name
        assert "| `--json` |" in section, name


def test_what_a_command_takes_is_said_with_its_default(text: str) -> None:
    run = text.partition("\n## run\n")[2].partition("\n## ")[0]
    assert "| `STUDY\\|PAPER\\|FILE.toml` | A study, or a paper for all its studies;" in run
    assert re.search(r"^\| `--scale SCALE` \| .* Default: `laptop`\. \|$", run, re.MULTILINE)
    assert re.search(r"^\| `--seeds SEEDS` \| [^`]*\. \|$", run, re.MULTILINE)
    assert "groklab run nanda/mainline --set weight_decay=0.5 --set steps=12000 --out runs/half-decay" in run
    assert "[bold]" not in text
    assert text.count("Exit status") == 1


def test_the_readme_names_every_command(text: str) -> None:
    readme = (PAGE.parents[2] / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"^## (\w+)$", text, re.MULTILINE):
        assert f"| `groklab {name}" in readme, name
