"""Settings as frozen dataclasses: to JSON and back, a digest, one field replaced by name, differences listed.

A class registers itself under its name by deriving from `Settings`; wherever a field may hold one of several
kinds of settings, the JSON carries the kind.
"""

import dataclasses
import functools
import hashlib
import json
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from groklab.errors import Mistake, unknown

LATER: Mapping[str, bool] = types.MappingProxyType({"later": True})
"""The metadata of a field that came when there were stores already: at its default it stays out of JSON and digest, so
that settings from before are still themselves."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of everything that says what is to be done. Frozen, keyword-only, comparable, hashable."""

    kinds: ClassVar[dict[str, type["Settings"]]] = {}

    def __init_subclass__(cls) -> None:
        Settings.kinds[cls.__name__] = cls

    def to_json(self) -> dict[str, Any]:
        """These settings as plain JSON values, fields in order, each class under the key `kind`.

        A field marked `LATER` is left out where it has its default.
        """
        fields = {f.name: _plain(value) for f in dataclasses.fields(self) if _said(f, value := getattr(self, f.name))}
        return {"kind": type(self).__name__} | fields

    @staticmethod
    def from_json(plain: dict[str, Any]) -> "Settings":
        """The settings that `to_json` wrote. Raises `Mistake` for a kind or a field that is not known."""
        cls = Settings.kinds.get(plain.get("kind", ""))
        if cls is None:
            raise unknown("kind of settings", str(plain.get("kind")), Settings.kinds)
        known = field_types(cls)
        given = {name: value for name, value in plain.items() if name != "kind"}
        for name in given:
            if name not in known:
                raise unknown(f"field of {cls.__name__}", name, known)
        return cls(**{name: _restored(value) for name, value in given.items()})

    @functools.cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that differ whenever any setting differs (SHA-256 of the canonical JSON)."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def flat(self, *, whole: bool = True) -> dict[str, Any]:
        """Every single value under its dotted path, such as `optimiser.weight_decay`.

        Without `whole`, those values are left out that the JSON leaves out.
        """
        out: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Settings):
                out |= {f"{field.name}.{path}": inner for path, inner in value.flat(whole=whole).items()}
            elif whole or _said(field, value):
                out[field.name] = value
        return out

    def replace(self, changes: Mapping[str, object]) -> Self:
        """These settings with the fields at dotted paths replaced, all at once.

        A last name that occurs once in the whole tree may stand alone: `weight_decay` for
        `optimiser.weight_decay`. Raises `Mistake` for a field that is not known or is ambiguous, and whatever
        the settings themselves refuse.
        """
        return self._replace({self.resolve(path): value for path, value in changes.items()})

    def resolve(self, path: str) -> str:
        """The full dotted path that a path or a bare last name means."""
        known = self.flat()
        if path in known:
            return path
        ends = [full for full in known if full.rpartition(".")[2] == path and not full.startswith("start.")]
        if len(ends) == 1:
            return ends[0]
        if ends:
            raise Mistake(f"field {path!r} could be any of {', '.join(ends)}; write it in full")
        paths = [full for full in known if not full.startswith("start.")]
        raise unknown("field", path, paths if "." in path else {full.rpartition(".")[2] for full in paths})

    def _replace(self, changes: dict[str, object]) -> Self:
        own = {path: value for path, value in changes.items() if "." not in path}
        for name in {path.partition(".")[0] for path in changes.keys() - own.keys()}:
            inner = {path.partition(".")[2]: value for path, value in changes.items() if path.startswith(name + ".")}
            own[name] = getattr(self, name)._replace(inner)
        return dataclasses.replace(self, **own) if own else self

    def parse(self, path: str, text: str) -> Any:
        """The value that `text` gives for the field at `path`. Raises `Mistake` when it has another type."""
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        for candidate in (value, text):
            accepted, result = _accept(candidate, self._type_at(path))
            if accepted:
                return result
        name = self.resolve(path).rpartition(".")[2]
        raise Mistake(f"{path}={text}: {name} takes {describe(self._type_at(path))}, not {text!r}")

    def fitted(self, path: str, value: object) -> Any:
        """`value` in the type of the field at `path`, an int as a float. Raises `Mistake` when it has another type."""
        accepted, result = _accept(value, self._type_at(path))
        if not accepted:
            raise Mistake(f"{path} takes {describe(self._type_at(path))}, not {value!r}")
        return result

    def _type_at(self, path: str) -> Any:
        owner: Settings = self
        *parents, name = self.resolve(path).split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        return field_types(type(owner))[name]


@functools.cache
def field_types(cls: type[Settings]) -> dict[str, Any]:
    """The type of every field of a settings class, by name."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def check_types(settings: Settings) -> None:
    """Raises `Mistake` for the first field whose value is not of the declared type (called in `__post_init__`)."""
    for name, wanted in field_types(type(settings)).items():
        value = getattr(settings, name)
        accepted, result = _accept(value, wanted)
        if not accepted:
            raise Mistake(f"{type(settings).__name__}.{name} takes {describe(wanted)}, not {value!r}")
        object.__setattr__(settings, name, result)


def differences(old: Settings, new: Settings) -> list[str]:
    """One line for every field in which two settings differ, `path: old -> new`."""
    before, after = old.flat(), new.flat()
    missing = object()
    lines: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        a, b = before.get(path, missing), after.get(path, missing)
        if a != b:
            was, now = ("absent" if value is missing else repr(value) for value in (a, b))
            lines.append(f"{path}: {was} -> {now}")
    return lines


def describe(wanted: Any) -> str:
    """A type in words a user can act on: `a number`, `one of relu, gelu`, `a whole number or nothing`."""
    if typing.get_origin(wanted) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(wanted)))}"
    if isinstance(wanted, types.UnionType) or typing.get_origin(wanted) is typing.Union:
        return " or ".join(describe(part) for part in typing.get_args(wanted))
    if typing.get_origin(wanted) is tuple:
        return f"a list, each {describe(typing.get_args(wanted)[0])}"
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a word",
        type(None): "null",
    }
    return words.get(wanted, getattr(wanted, "__name__", str(wanted)))


def _accept(value: Any, wanted: Any) -> tuple[bool, Any]:
    """Whether a value fits a declared type, and the value in that type (an int becomes a float)."""
    origin = typing.get_origin(wanted)
    if wanted is Any:
        return True, value
    if origin is typing.Literal:
        return value in typing.get_args(wanted), value
    if isinstance(wanted, types.UnionType) or origin is typing.Union:
        tries = [_accept(value, part) for part in typing.get_args(wanted)]
        return next((found for found in tries if found[0]), (False, value))
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False, value
        inner = [_accept(item, typing.get_args(wanted)[0]) for item in value]
        return all(ok for ok, _ in inner), tuple(item for _, item in inner)
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        finite = abs(value) <= sys.float_info.max
        return finite, float(value) if finite else value
    if wanted is int and isinstance(value, bool):
        return False, value
    return isinstance(value, wanted), value


def _said(field: "dataclasses.Field[Any]", value: Any) -> bool:
    """Whether the JSON has the field."""
    return field.metadata != LATER or value != field.default


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return Settings.from_json(value)
    if isinstance(value, list):
        return tuple(_restored(item) for item in value)
    return value
