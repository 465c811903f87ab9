"""From the words of `circuit` and `export` to a network taken apart, and to weights in a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from groklab.errors import Mistake
from groklab.store.place import Place

if TYPE_CHECKING:
    from groklab.circuits import Circuit

WEIGHTS = (".safetensors", ".pt", ".pth")


def circuit_of(source: Place, run: int | None, step: int | None, task: str | None) -> "Circuit":
    """The network of a run of a store, or of a weights file with the task it learned, taken apart.

    Raises `Mistake` for words that do not go together, and whatever the store, the file or the task refuse.
    """
    if source.local is not None and source.local.suffix in WEIGHTS:
        if run is not None or step is not None:
            raise Mistake(f"{source.name} is a weights file: it has no --run and no --step; give --task")
        return _of_file(source.local, task)
    if task is not None:
        raise Mistake(f"--task goes with a weights file ({', '.join(WEIGHTS)}); a run of {source} knows its own")
    import groklab

    record = groklab.open(source)
    number = 0 if run is None else run
    learned = record.task(number)
    from groklab.circuits import take_apart
    from groklab.engines.compilations import keep_compilations

    keep_compilations()
    return take_apart(record.model(number, -1 if step is None else step), learned, record.split(number))


def show(circuit: "Circuit", as_json: bool, out: Path | None) -> None:
    """Prints the tables, or one JSON document, and writes the page when a place for it is given."""
    from rich.console import Console

    from groklab.circuits.tables import print_circuit
    from groklab.cli_tables import print_json

    if as_json:
        print_json(circuit.to_json())
    else:
        console = Console(highlight=False)
        print_circuit(circuit, console if console.is_terminal else Console(highlight=False, width=200))
    if out is not None:
        from groklab.circuits.drawing import write_page

        write_page(circuit, out)


def export(folder: Place, run: int, step: int | None, layout: str, out: Path) -> list[Path]:
    """Writes a run's weights; gives the files written. Raises `Mistake` for a layout that is not known."""
    if layout not in ("safetensors", "transformer-lens"):
        raise Mistake(f"--format takes safetensors or transformer-lens, not {layout!r}")
    if out.suffix != ".safetensors":
        raise Mistake(f"weights are written as safetensors: end --out in .safetensors, not {out.name!r}")
    import groklab

    record = groklab.open(folder)
    model = record.model(run, -1 if step is None else step)
    from groklab.models.weight_files import save_weights

    return save_weights(model, out, layout=layout, task=record.problem(run).name)


def _of_file(path: Path, task: str | None) -> "Circuit":
    from groklab.tasks import Task, parse_task

    # A file that is not there and a misspelt task are told before anything heavy is read.
    try:
        there = path.is_file()
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror or error}; give a file that you may read") from error
    if not there:
        raise Mistake(f"there is no weights file {path}; give one that ends in .safetensors, .pt or .pth")
    wanted = None if task is None else Task.of(parse_task(task))
    from groklab.models.weight_files import load_weights, task_in

    model, named = load_weights(path), task_in(path)
    known = Task.of(parse_task(named)) if named else wanted
    if known is None:
        raise Mistake(f"{path.name} does not say what it was trained on; add --task, such as --task add:113")
    if wanted is not None and wanted.name != known.name:
        raise Mistake(f"{path.name} was trained on {known.name}, not on {wanted.name}; leave --task out")
    from groklab.circuits import take_apart
    from groklab.engines.compilations import keep_compilations

    keep_compilations()
    return take_apart(model, known)
