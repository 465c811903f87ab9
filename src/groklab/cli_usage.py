"""Exit statuses, and every mistake as one line."""

import json
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import typer
import typer.main

from groklab.errors import Caution, GivenUp, Mistake, unknown

# Typer's own mistakes; the class has no public name in every version that is supported.
UsageError = cast(type[Exception], typer.BadParameter.__bases__[0])


class Interrupted(Exception):
    """Training was interrupted; the text says what is kept and how to go on."""


def answer(app: typer.Typer, arguments: list[str]) -> int:
    """Runs `app` on `arguments`. The exit status: 0 done, 1 ended badly, 2 a mistake, 130 interrupted."""
    as_json = "--json" in arguments
    shown = warnings.showwarning
    warnings.showwarning = lambda message, category, *more: (
        say(f"warning: {message}") if issubclass(category, Caution) else shown(message, category, *more)
    )
    try:
        command = typer.main.get_command(app)
        known = [info.name or getattr(info.callback, "__name__", "") for info in app.registered_commands]
        if arguments and not arguments[0].startswith("-") and arguments[0] not in known:
            raise unknown("command", arguments[0], known)
        # Commands find the arguments as they were given in `context.obj`, to say how to go on.
        status = command.main(arguments or ["--help"], prog_name="groklab", standalone_mode=False, obj=arguments)
    except Mistake as mistake:
        return _fail(str(mistake), 2, as_json)
    except GivenUp as given_up:
        return _fail(str(given_up), 1, as_json)
    except Interrupted as interrupted:
        return _fail(str(interrupted), 130, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", 130, as_json)
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}; choose another place", 2, as_json)
    except UsageError as error:
        return _fail(_in_words(error), 2, as_json)
    finally:
        warnings.showwarning = shown
    return status if isinstance(status, int) else 0


def say(words: str) -> None:
    """One line to the user, on standard error."""
    print(f"groklab: {' '.join(words.split())}", file=sys.stderr, flush=True)


def quoted(arguments: Sequence[str]) -> str:
    """The command as it would be typed in a shell."""
    return shlex.join(["groklab", *arguments])


def show_version(asked: bool) -> None:
    """Prints the version and ends, when asked."""
    if asked:
        from importlib.metadata import version

        print(f"groklab {version('groklab')}")
        raise typer.Exit


def open_in_browser(page: Path) -> None:
    """Opens a page in the browser; says so when there is none."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        say(f"no browser could be opened; open {page} by hand")


def _fail(words: str, status: int, as_json: bool) -> int:
    say(words)
    if as_json:
        print(json.dumps({"error": " ".join(words.split())}))
    return status


def _in_words(error: Exception) -> str:
    """What Typer found wrong, on one line: the nearest options for one that is not known."""
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "groklab"
    if context is not None and hasattr(error, "possibilities"):
        known = [name for option in context.command.params for name in (*option.opts, *option.secondary_opts)]
        known = [name for name in known if name.startswith("-")] + ["--help"]
        return str(unknown(f"option of {where}", str(getattr(error, "option_name", "")), known))
    text = " ".join(str(getattr(error, "format_message", error.__str__)()).split()).rstrip(".")
    text = text.partition(", unable to parse")[0]
    return f"{text[:1].lower()}{text[1:]}; see {where} --help"
