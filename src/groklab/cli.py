"""The command line: words in, words out. The work is done elsewhere, and imported only when asked for."""

import atexit
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from groklab import cli_usage
from groklab.claims.places import places_in
from groklab.errors import Mistake
from groklab.store.place import Place
from groklab.store.places import must_be_result

EPILOG = """

[bold]Exit status[/]  0 done; 1 a run ended badly, or a claim that held no longer does (the reason in words);
2 a mistake in what was given (one line: what was given, what is accepted); 130 interrupted (what was trained is
kept, and the command to go on is shown).

With --json one JSON document is all that stands on standard output, {"error": "..."} after a mistake;
progress and words go to standard error.
"""

app = typer.Typer(
    name="groklab",
    help="A laboratory for grokking: train many small networks at once, and see what they build on the way.",
    epilog=EPILOG + "\n\n[bold]Begin with[/]  groklab demo",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on standard output.")]
# A `Path` would make one slash of the two in s3://.
DEMO = Place.of("runs/demo")
WROTE = "What `groklab run` or `groklab keep` wrote"
Folder = Annotated[Place, typer.Argument(parser=Place.of, metavar="DIR", help="What `groklab run` wrote.")]
Result = Annotated[Place, typer.Argument(parser=Place.of, metavar="DIR", help=f"{WROTE}.")]
Results = Annotated[list[Place], typer.Argument(parser=Place.of, metavar="DIR...", help=f"{WROTE}.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line on `arguments`, those of the process by default; returns the exit status."""
    return cli_usage.answer(app, list(sys.argv[1:] if arguments is None else arguments))


def script() -> NoReturn:
    """The `groklab` command.

    It ends the process once all is done and told, without shutting the interpreter down: after an interruption a thread
    of the store's library may still be at work, would find no interpreter, and abort (see `groklab.store.leaving`).
    """
    status = main()
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or 1
    os._exit(status)


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=cli_usage.show_version, help="Show the version and end."),
    ] = False,
) -> None:
    """Holds the options that stand before the command."""


@app.command(epilog="[bold]Examples[/]\n\ngroklab demo\n\ngroklab demo --open" + EPILOG)
def demo(
    context: typer.Context,
    out: Annotated[
        Place, typer.Option("--out", parser=Place.of, metavar="DIR", help="Folder of the runs and of their page.")
    ] = DEMO,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
    json: Json = False,
) -> None:
    """Train five networks until they grok, and write the page that shows it: under a minute on two cores."""
    from groklab import cli_tables, cli_train

    record, trained = cli_train.train(cli_train.study_of("nanda/mainline"), out, context.obj)
    if not trained:
        cli_usage.say(f"the runs in {out} were done already; only their page is written anew")
    page = record.report(out.beside("report.html"))
    cli_tables.show_record(record, json, report=page)
    cli_usage.say(f"the page is {page}")
    if open_page:
        cli_usage.open_in_browser(page)
    cli_train.end(record)


@app.command(epilog="[bold]Example[/]\n\ngroklab studies" + EPILOG)
def studies(json: Json = False) -> None:
    """List the studies: paper and figure, what they show, what each scale costs."""
    from groklab import cli_tables

    cli_tables.show_studies(json)


@app.command(
    epilog="[bold]Examples[/]\n\n"
    "groklab run nanda/mainline\n\n"
    "groklab run nanda/mainline --scale paper --seeds 2 --out runs/published\n\n"
    "groklab run nanda/mainline --set weight_decay=0.5 --set steps=12000 --out runs/half-decay\n\n"
    "groklab run nanda --scale laptop --engine ray --address auto\n\n"
    "groklab run sweeps/phase_diagram.toml --out runs/phases\n\n"
    "groklab run sweeps/semi_grokking.toml --dry-run" + EPILOG
)
def run(
    context: typer.Context,
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|PAPER|FILE.toml",
            help="A study, or a paper for all its studies; `groklab studies` lists them. Or the file of a sweep.",
        ),
    ],
    scale: Annotated[
        str,
        typer.Option(
            "--scale", help="`laptop`: minutes on two cores, an hour or more for a few; `paper`: as published."
        ),
    ] = "laptop",
    out: Annotated[
        Place | None,
        typer.Option(
            "--out",
            parser=Place.of,
            metavar="DIR",
            help="Folder of the runs, or s3://BUCKET/PREFIX; else runs/STUDY-SCALE. A paper's: DIR/STUDY.",
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", help="Networks of each setting; else the study's own number.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change a setting of every run, such as weight_decay=0.5; repeatable.",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="Where to train: `local` in this process, `ray` on a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="The Ray cluster, or `auto` for the one this machine is in; else RAY_ADDRESS, else one of its own.",
        ),
    ] = None,
    on_interrupt: Annotated[
        str,
        typer.Option("--on-interrupt", help="What Ctrl-C does on a Ray cluster: `cancel` the work, or `detach`."),
    ] = "cancel",
    precision: Annotated[
        str,
        typer.Option("--precision", help="Matrix products on a GPU: `float32`, `tf32` or `bf16_3x` (faster)."),
    ] = "float32",
    track: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            metavar="TRACKER",
            help="Show curves meanwhile: `tensorboard`, or `wandb` (offline); repeatable.",
        ),
    ] = None,
    track_to: Annotated[
        Path | None,
        typer.Option("--track-to", metavar="DIR", help="Folder of their files; else DIR/tracking of the runs."),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan (batches, memory, time, storage), train nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Run a study, all of a paper, or a sweep, or go on: the same command resumes from the last commit, bit for bit."""
    from groklab import cli_how, cli_run

    how = cli_how.how_of(precision, engine, address, on_interrupt, track or (), track_to)
    cli_run.run(context, study, scale, out, seeds, changes or (), how, dry, json)


@app.command(epilog="[bold]Example[/]\n\ngroklab show runs/demo" + EPILOG)
def show(folder: Result, json: Json = False) -> None:
    """Show a row a run: how it stands, when it memorised and grokked, its last losses."""
    must_be_result(folder)
    import groklab
    from groklab import cli_tables

    cli_tables.show_record(groklab.open(folder), json)


@app.command(
    epilog="[bold]Examples[/]\n\ngroklab report runs/demo\n\n"
    "groklab report runs/demo runs/published --out both.html" + EPILOG
)
def report(
    folders: Results,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.html", help="The page; else DIR/report.html for one DIR."),
    ] = None,
    json: Json = False,
) -> None:
    """Write one self-contained HTML page of curves, spectra and tables, which opens offline."""
    if out is None and len(folders) > 1:
        raise Mistake(f"{len(folders)} folders are given, so the page needs a name: add --out FILE.html")
    for folder in folders:
        must_be_result(folder)
    import groklab
    from groklab import cli_tables
    from groklab.report import write_page

    first = folders[0]
    beside = Path(first).with_suffix(".html") if first.is_file() else first.beside("report.html")
    page = write_page([groklab.open(folder) for folder in folders], out or beside)
    if json:
        cli_tables.print_json({"report": str(page)})
    else:
        print(page)


@app.command(
    epilog="[bold]Examples[/]\n\ngroklab serve runs --open\n\n"
    "groklab serve runs/demo --port 0 --json\n\nCtrl-C ends it, with status 0." + EPILOG
)
def serve(
    folder: Annotated[Place, typer.Argument(parser=Place.of, metavar="DIR", help=f"{WROTE}, or a folder of such.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any that is free.")] = 8765,
    host: Annotated[
        str, typer.Option("--host", help="The address; others than this machine's own let others read.")
    ] = "127.0.0.1",
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
    json: Json = False,
) -> None:
    """Serve the pages of stores while they are trained: they follow each commit. Read only."""
    from groklab import cli_serve

    cli_serve.serve(folder, host, port, open_page, json)


@app.command(
    epilog="[bold]Examples[/]\n\ngroklab figures runs/demo --out figures\n\n"
    "groklab figures runs/demo --out figures --format pdf --figure phases --figure spectra --run 3\n\n"
    "groklab figures results/nanda/mainline-laptop.zip --out figures --width double" + EPILOG
)
def figures(
    folder: Result,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The folder of the files.")],
    form: Annotated[str, typer.Option("--format", help="`svg` or `pdf`.")] = "svg",
    names: Annotated[
        list[str] | None,
        typer.Option("--figure", metavar="NAME", help="This figure alone, such as phases; repeatable."),
    ] = None,
    width: Annotated[
        str | None,
        typer.Option("--width", metavar="MM", help="`single` (85 mm), `double` (174 mm) or mm; else each its own."),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--run", help="The run that is shown; else the first with all three phases.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the papers' figures of a result as SVG or PDF at print size; needs kaleido and Chromium."""
    must_be_result(folder)
    from groklab import cli_figures

    cli_figures.write(folder, out, form, names or [], width, number, json)


@app.command(
    epilog="[bold]Examples[/]\n\ngroklab claims runs/nanda-laptop\n\ngroklab claims results --all --json" + EPILOG
)
def claims(
    folders: Annotated[
        list[Place],
        typer.Argument(parser=Place.of, metavar="DIR...", help=f"{WROTE}, or folders of such."),
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Also list the claims that nothing there speaks of.")
    ] = False,
    json: Json = False,
) -> None:
    """Say claim by claim what held: published and measured value, interval, number of networks, verdict.

    Ends with status 1 where a claim that held in the committed results (results/claims.json) no longer holds on the
    same data: the same file, or the store it was kept from.
    """
    paths = list(dict.fromkeys(path for folder in folders for path in places_in(folder)))
    from groklab import cli_claims

    cli_claims.show(paths, everything, json)


@app.command(
    epilog="[bold]Examples[/]\n\ngroklab keep runs/nanda-laptop/seeds --out results/nanda/seeds-laptop.zip\n\n"
    "groklab keep runs/demo --out demo.zip --only test_loss --only excluded_loss --every 200" + EPILOG
)
def keep(
    folder: Result,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.zip", help="The file.")],
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="VARIABLE", help="Keep this variable; repeatable. Else what the claims need."),
    ] = None,
    every: Annotated[
        int | None, typer.Option("--every", metavar="STEPS", help="Thin the steps to about one in so many.")
    ] = None,
    json: Json = False,
) -> None:
    """Keep what was measured in one small file, without the networks, with where it came from."""
    must_be_result(folder)
    from groklab import cli_claims

    cli_claims.keep(folder, out, only, every, json)


@app.command(
    epilog="[bold]Examples[/]\n\ngroklab circuit runs/demo --run 3\n\n"
    "groklab circuit runs/demo --run 3 --step 1500 --out circuit.html\n\n"
    "groklab circuit weights.safetensors --task add:113 --json" + EPILOG
)
def circuit(
    source: Annotated[
        Place,
        typer.Argument(parser=Place.of, metavar="DIR|FILE", help="What `groklab run` wrote, or a weights file."),
    ],
    number: Annotated[int | None, typer.Option("--run", help="Which run of the folder; else 0.")] = None,
    step: Annotated[int | None, typer.Option("--step", help="Which step's weights; else the last.")] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="What a weights file was trained on, such as add:113.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="Also write tables and figures there.")
    ] = None,
    json: Json = False,
) -> None:
    """Take a trained network apart: key frequencies, neurons, heads, logits, ablations, and a verdict."""
    from groklab import cli_circuit

    cli_circuit.show(cli_circuit.circuit_of(source, number, step, task), json, out)
    if out is not None:
        cli_usage.say(f"the page is {out}")


@app.command(
    epilog="[bold]Examples[/]\n\ngroklab export runs/demo --run 3 --out weights.safetensors\n\n"
    "groklab export runs/demo --run 3 --format transformer-lens --out lens.safetensors" + EPILOG
)
def export(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.safetensors", help="The file of the weights.")],
    number: Annotated[int, typer.Option("--run", help="Which run.")] = 0,
    step: Annotated[int | None, typer.Option("--step", help="Which step's weights; else the last.")] = None,
    layout: Annotated[
        str, typer.Option("--format", help="`safetensors`, or `transformer-lens` (with its configuration).")
    ] = "safetensors",
    json: Json = False,
) -> None:
    """Write a run's weights for other tools."""
    from groklab import cli_circuit, cli_tables

    files = [str(path) for path in cli_circuit.export(folder, number, step, layout, out)]
    if json:
        cli_tables.print_json({"files": files})
    else:
        print("\n".join(files))


@app.command(
    epilog="[bold]Examples[/]\n\ngroklab bench --quick\n\n"
    "groklab bench --out bench.json --docs docs\n\n"
    "groklab bench --from bench.json --docs docs" + EPILOG
)
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Under a minute; leaves the larger things out.")] = False,
    torch: Annotated[
        Path | None,
        typer.Option("--torch", metavar="PYTHON", help="A Python that has PyTorch, TransformerLens; else this one."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Also keep everything measured there.")
    ] = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", metavar="DIR", help="Write DIR/performance.md and its figures.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE.json", help="Write --docs from this; measure nothing.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure the speed of training beside a reference and beside the machine's ceiling: some minutes."""
    from groklab import cli_bench

    if source is None:
        cli_bench.measure(quick, torch, out, docs, json)
    elif docs is None:
        raise Mistake("--from goes with --docs: it writes the page of an earlier measurement")
    else:
        cli_bench.write_docs(source, docs)
