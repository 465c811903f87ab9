"""Running the code of a page: Python blocks in one namespace, `$ groklab` lines as commands, outputs as they print."""

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groklab.cli import main

BLOCK = re.compile(r"^```(python|console|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A block of code with what the page says it prints, nothing where it says nothing."""

    language: str
    code: str
    line: int
    said: str | None


def steps_of(page: Path) -> list[Step]:
    """The page's code in order; a `text` block belongs to the code before it."""
    text = page.read_text(encoding="utf-8")
    blocks = [(found[1], found[2], text[: found.start()].count("\n") + 2) for found in BLOCK.finditer(text)]
    after = [*blocks[1:], ("", "", 0)]
    return [
        Step(language=language, code=code, line=line, said=said if follows == "text" else None)
        for (language, code, line), (follows, said, _) in zip(blocks, after, strict=True)
        if language != "text"
    ]


def printed_by(step: Step, page: Path, namespace: dict[str, Any]) -> str:
    """Runs a block and gives what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        if step.language == "python":
            # The blank lines put the page's own line numbers into a traceback.
            exec(compile("\n" * (step.line - 1) + step.code, str(page), "exec"), namespace)
        else:
            for line in step.code.splitlines():
                words = shlex.split(line)
                assert words[:2] == ["$", "groklab"], f"{page}: only groklab's commands can be run, not {line}"
                assert main(words[2:]) == 0, f"{page}: {line}"
    return out.getvalue()


def without_digits(text: str) -> str:
    """A text in which numbers are all the same, few or many in a row, and so are stretches of blanks and rules."""
    masked = re.sub(r"[-+]?\b\d[\d,]*(\.\d*)?(e[-+]?\d+)?", "0", text)
    masked = re.sub(r"\s*([\[\]])\s*", r"\1", re.sub(r"[\s─━]+", " ", masked))
    return re.sub(r"0(,? 0)+", "0", masked).strip()
