"""The page of the command line, from what the commands themselves say: for MkDocs, made when the site is built."""

import re
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from groklab.cli import EPILOG, app

PLACE = "commands.md"
INTRODUCTION = """# The command line

What `groklab COMMAND --help` says. A shell that has `.venv` active knows `groklab`.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the page."""
    files.append(File.generated(config, PLACE, content=page()))
    return files


def page() -> str:
    """The whole page in Markdown: every command with its examples and options, then what holds for all."""
    commands: dict[str, Any] = getattr(typer.main.get_command(app), "commands", {})
    sections = [_section(name, command) for name, command in commands.items()]
    return "\n\n".join([INTRODUCTION, *sections, "## Of every command", _plain(EPILOG)]) + "\n"


def _section(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    words = " ".join([_named(one) if one.required else f"[{_named(one)}]" for one in arguments])
    examples = re.findall(r"^groklab .*$", _plain(command.epilog or "").partition("Exit status")[0], re.MULTILINE)
    rows = [f"| `{_named(one)}` | {_cell(one)} |" for one in (*arguments, *options)]
    return "\n".join(
        [
            f"## {name}\n\n{_plain(command.help or '')}\n",
            "```text",
            *(examples or [f"groklab {name} {words}".strip()]),
            "```\n",
            "| given | meaning |\n|---|---|",
            *rows,
        ]
    )


def _named(parameter: Any) -> str:
    """An argument's word, or an option with what it takes."""
    if parameter.param_type_name == "argument":
        return (parameter.metavar or parameter.name.upper()).replace("|", "\\|")
    takes = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return "/".join([*parameter.opts, *parameter.secondary_opts]) + takes.replace("|", "\\|")


def _cell(parameter: Any) -> str:
    """What it is, and what it is when nothing is said."""
    default = parameter.default
    shown = default not in (None, False, "", [], ()) and not callable(default)
    text = _plain(parameter.help or "").replace("|", "\\|").replace("\n", " ")
    return f"{text} Default: `{default}`." if shown else text


def _plain(text: str) -> str:
    """Text without Rich's marks."""
    return re.sub(r"\[/?(?:bold|dim|italic)?\]", "", text).strip()
