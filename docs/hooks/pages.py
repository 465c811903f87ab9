"""What MkDocs is told beyond mkdocs.yml: the pages of a folder without a list of them, and those of the API."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PACKAGE = "groklab"
SOURCE = Path(__file__).parents[2] / "src" / PACKAGE
API = "api/"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the pages of a folder in the place of its name."""
    config.nav = [_expanded(entry, Path(config.docs_dir)) for entry in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds a page a package: its public names, with their docstrings."""
    for package in documented():
        files.append(File.generated(config, f"{API}{package}.md", content=page_of(package)))
    return files


def documented() -> list[str]:
    """The packages with public names, the whole one first."""
    rooms = sorted(f"{PACKAGE}.{folder.name}" for folder in SOURCE.iterdir() if (folder / "__init__.py").is_file())
    return [package for package in (PACKAGE, *rooms) if public(package)]


def public(package: str) -> dict[str, str]:
    """Where each public name of a package is defined, by the name; packages and modules it hands on are left out."""
    folder = SOURCE.joinpath(*package.split(".")[1:])
    stub = folder / "__init__.pyi"
    tree = ast.parse((stub if stub.is_file() else folder / "__init__.py").read_text(encoding="utf-8"))
    exported = {name for node in tree.body if isinstance(node, ast.Assign) for name in _listed(node)}
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module != package:
            place = f"{package}.{node.module}" if node.level else node.module
            for alias in node.names:
                if not _is_module(place, alias.name) and (alias.asname or alias.name in exported):
                    found[alias.asname or alias.name] = f"{place}.{alias.name}"
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def page_of(package: str) -> str:
    """A package's page in Markdown."""
    folder = SOURCE.joinpath(*package.split(".")[1:])
    summary = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    names = [f'::: {place}\n    options:\n      heading: "{name}"\n' for name, place in public(package).items()]
    return "\n".join([f"# {package}\n\n{summary}\n", *names])


def _listed(node: ast.Assign) -> list[str]:
    """The names in an `__all__ = [...]`."""
    is_all = any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    return ast.literal_eval(node.value) if is_all and isinstance(node.value, ast.List) else []


def _is_module(place: str, name: str) -> bool:
    folder = SOURCE.joinpath(*place.split(".")[1:])
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


def _expanded(entry: Any, docs: Path) -> Any:
    """An entry of the navigation with every `folder/` in it replaced by that folder's pages."""
    if isinstance(entry, str):
        return entry
    if isinstance(entry, list):
        return [_expanded(one, docs) for one in entry]
    ((title, value),) = entry.items()
    if isinstance(value, str) and value.endswith("/"):
        return {title: list(_pages(value, docs))}
    return {title: _expanded(value, docs) if isinstance(value, list) else value}


def _pages(folder: str, docs: Path) -> Iterator[Any]:
    """A folder's index, its other pages in order, then its folders."""
    entries = sorted((docs / folder).iterdir(), key=lambda path: (path.stem not in ("index", "README"), path.name))
    yield from (folder + path.name for path in entries if path.suffix == ".md")
    if folder == API:
        yield from (f"{folder}{package}.md" for package in documented())
    for path in entries:
        inner = list(_pages(f"{folder}{path.name}/", docs)) if path.is_dir() else []
        if inner:
            yield {path.name.replace("_", " ").capitalize(): inner}
