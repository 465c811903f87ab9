"""A sweep's file: TOML, key by key."""

import re
import tomllib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groklab.errors import Mistake, unknown

KEYS = ("study", "name", "scale", "seeds", "set", "grid", "arm")
"""What may stand at the top of a sweep's file."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a file says, each key of the right kind; fields and their values are looked at where runs are made.

    Fields are written as in the file, by dotted paths or last names.
    """

    name: str
    """What the sweep is called: `name`, or the file's name without its ending."""
    study: str
    """The study whose runs are varied."""
    scale: str
    """Its scale."""
    seeds: int | tuple[int, ...] | None
    """How many seeds of each setting, or which; nothing means the study's own number."""
    fixed: Mapping[str, Any]
    """Fields that every run has: `[set]`."""
    grid: Mapping[str, list[Any]]
    """Fields with the values that are crossed with each other: `[grid]`."""
    arms: tuple[Mapping[str, Any], ...]
    """Fields that change together, an arm each: `[[arm]]`; one without fields where the file has none."""


def load(path: Path) -> Sweep:
    """What the file at `path` says. Raises `Mistake` where it cannot be read, is no TOML, or has other keys."""
    plain = _toml(path)
    with naming(path):
        for key, value in plain.items():
            if key not in KEYS:
                within = "" if isinstance(value, dict | list) else " (fields of the runs stand under [set] or [grid])"
                raise Mistake(f"{unknown('key', key, KEYS)}{within}")
        if "study" not in plain:
            raise Mistake('the key study is missing: say which study is varied, such as study = "nanda/mainline"')
        return Sweep(
            name=_name(plain.get("name", path.stem), given="name" in plain),
            study=_word("study", plain["study"]),
            scale=_word("scale", plain.get("scale", "laptop")),
            seeds=_seeds(plain.get("seeds")),
            fixed=dict(_fields("set", plain.get("set", {}))),
            grid={name: _listed(name, value) for name, value in _fields("grid", plain.get("grid", {}))},
            arms=_arms(plain.get("arm", [{}])),
        )


@contextmanager
def naming(*where: object) -> Generator[None]:
    """Puts `where` before the words of a `Mistake`."""
    try:
        yield
    except Mistake as mistake:
        raise Mistake(": ".join([*map(str, where), str(mistake)])) from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Mistake(f"there is no file {path}; give a sweep's TOML file, or a study") from None
    except UnicodeDecodeError:
        raise Mistake(f"{path} is no TOML: it is not written in UTF-8") from None
    except OSError as error:
        raise Mistake(f"{path} cannot be read ({error.strerror}); give a sweep's TOML file") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        nothing = '; nothing is written "null"' if re.search(r"[=\[,]\s*(null|none)\b", text, re.IGNORECASE) else ""
        raise Mistake(f"{path} is no TOML: {error}{nothing}") from None


def _name(value: Any, given: bool) -> str:
    if isinstance(value, str) and NAME.fullmatch(value):
        return value
    asked = "" if given else '; the file is called so: add name = "..."'
    raise Mistake(f"name takes letters, digits, _, - and ., not {value!r}{asked}")


def _word(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Mistake(f"{key} takes a word in quotes, not {value!r}")
    return value


def _seeds(value: Any) -> int | tuple[int, ...] | None:
    if value is None or _whole(value):
        return value
    if not isinstance(value, list) or not value or not all(map(_whole, value)):
        raise Mistake(f"seeds takes a whole number or a list of them, such as 5 or [0, 1, 2], not {value!r}")
    for seed in value:
        if value.count(seed) > 1:
            raise Mistake(f"seeds has {seed} twice; give each once")
    return tuple(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _arms(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(arm, dict) for arm in value):
        raise Mistake(f"arm takes tables, each under its own [[arm]], not {value!r}")
    return tuple(dict(_fields(f"arm {number}", arm)) for number, arm in enumerate(value, start=1))


def _fields(where: str, table: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a table: `optimiser.weight_decay = 1` is a table in a table to TOML."""
    if not isinstance(table, dict):
        raise Mistake(f"{where} takes fields with values, under [{where}], not {table!r}")
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _fields(where, value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _listed(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Mistake(f"grid.{name} takes a list, such as [{value!r}], not {value!r}; one value stands under [set]")
    if not value:
        raise Mistake(f"grid.{name} is an empty list; give at least one value, or leave it out")
    return value
