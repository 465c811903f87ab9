"""The table of rooms on the page of the architecture, against what every file imports."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "groklab"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ALL = "all"
NAME = re.compile(r"`([\w*]+(?:/|\.py))`")


def table(page: str) -> dict[str, set[str]]:
    """What the rooms of each row may use, by their names, which may have a star in them."""
    part = page.partition("\n## The rooms\n")[2].partition("\n## ")[0]
    rows: dict[str, set[str]] = {}
    for line in part.splitlines():
        if line.startswith("| `"):
            rooms, _, used = (cell.strip() for cell in line.strip("|").rsplit("|", 2))
            names = set(NAME.findall(used))
            assert names or used in (ALL, "nothing of ours"), f"{rooms} may use {used!r}, which names no room"
            rows |= {room: names or {ALL} & {used} for room in NAME.findall(rooms)}
    return rows


def everywhere(page: str) -> set[str]:
    """The files that serve every room."""
    (paragraph,) = [text for text in page.split("\n\n") if " serve every room" in text]
    return set(NAME.findall(paragraph.partition(" serve every room")[0]))


def rooms() -> dict[str, list[Path]]:
    """Files by room: a package, or a file beside the packages."""
    found: dict[str, list[Path]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        first, *inner = path.relative_to(SOURCE).parts
        if first != "__init__.py":
            found.setdefault(f"{first}/" if inner else first, []).append(path)
    return found


def room_of(module: str) -> str | None:
    """The room of a module of ours; None for one that is not, or for the package itself."""
    package, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    if package != "groklab" or not name:
        return None
    return f"{name}.py" if (SOURCE / f"{name}.py").is_file() else f"{name}/"


def handed_on() -> dict[str, str]:
    """The module of each public name of the package itself."""
    tree = ast.parse((SOURCE / "__init__.pyi").read_text(encoding="utf-8"))
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {a.name: f"groklab.{node.module or a.name}" for node in froms for a in node.names}


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Modules and names that a file of a package imports, wherever in it: at the top, in functions, for types alone.

    Attributes of the whole package count as what it hands on, and names given to `import_module` as imports.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                parents = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*parents, *([module] if module else [])])
                if base == "groklab":
                    yield from (handed_on().get(alias.name, f"groklab.{alias.name}") for alias in names)
                else:
                    yield base
            case ast.Attribute(value=ast.Name(id="groklab"), attr=name) if name in handed_on():
                yield handed_on()[name]
            case ast.Call(func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"), args=[first, *_]):
                if isinstance(first, ast.Constant):
                    yield str(first.value)


def violations(path: Path, text: str, room: str, may: set[str]) -> list[str]:
    """A line for every import of another room that this one may not use."""
    package = ".".join(["groklab", *path.relative_to(SOURCE).parts[:-1]])
    modules = dict.fromkeys(imported(ast.parse(text), package))
    used = {module: other for module in modules if (other := room_of(module)) not in (None, room)}
    return [
        f"{path.relative_to(ROOT)} imports {module}: {room} may not use {other}"
        for module, other in used.items()
        if ALL not in may and other not in may
    ]


def row_of(room: str, rows: dict[str, set[str]]) -> set[str]:
    (name,) = [name for name in rows if fnmatch(room, name)]
    return rows[name]


@pytest.mark.parametrize("room", [room for room in rooms() if room not in everywhere(PAGE)])
def test_a_room_uses_what_its_row_allows(room: str) -> None:
    may = row_of(room, table(PAGE)) | everywhere(PAGE)
    assert [v for path in rooms()[room] for v in violations(path, path.read_text("utf-8"), room, may)] == []


def test_what_serves_every_room_uses_no_other() -> None:
    serving = everywhere(PAGE)
    assert len(serving) == 4
    for name in serving:
        assert violations(SOURCE / name, (SOURCE / name).read_text("utf-8"), name, serving) == []


def test_the_table_has_every_room_once_and_no_other() -> None:
    rows, found = table(PAGE), set(rooms()) - everywhere(PAGE)
    assert {name for name in rows if not any(fnmatch(room, name) for room in found)} == set()
    assert {room for room in found if sum(fnmatch(room, name) for name in rows) != 1} == set()
    assert set().union(*rows.values()) - {ALL} - found == set()


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import groklab.report.page", "groklab.report.page"),
        ("from groklab.report import write_page", "groklab.report"),
        ("from groklab import report", "groklab.report"),
        ("from groklab import open", "groklab.record"),
        ("import groklab\ngroklab.open('x')", "groklab.record"),
        ("from ..report import page", "groklab.report"),
        ("def late():\n    from groklab.style import blank", "groklab.style"),
        ("if TYPE_CHECKING:\n    from groklab.record import Record", "groklab.record"),
        ("importlib.import_module('groklab.record')", "groklab.record"),
    ],
)
def test_an_import_of_any_kind_is_seen(line: str, module: str) -> None:
    path = SOURCE / "curves" / "made_up.py"
    other = room_of(module)
    wanted = f"src/groklab/curves/made_up.py imports {module}: curves/ may not use {other}"
    assert violations(path, line, "curves/", {"errors.py"}) == [wanted]
    assert violations(path, line, "curves/", {str(other)}) == []
    assert violations(path, "from . import intervals\nimport numpy\nfrom .growth import Law", "curves/", set()) == []


def test_a_row_that_names_nothing_is_noticed() -> None:
    lines = ("| `a/` | is | `b/` `c.py` |", "| `b/`, `d_*.py` | is | nothing of ours |", "| `c.py` | is | all |")
    page = "\n## The rooms\n\n" + "\n".join(lines) + "\n"
    assert table(page) == {"a/": {"b/", "c.py"}, "b/": set(), "d_*.py": set(), "c.py": {"all"}}
    with pytest.raises(AssertionError, match="may use 'records', which names no room"):
        table(page.replace("all", "records"))
