"""What every measure is and costs, as a Markdown table.

`python -m groklab.measures.costs` prints it, and with a page's path puts it into that page between its two marks.

Times are those of the device at hand, a network's share of one call for several, processor time on a CPU, with all
that a measure needs computed for it alone; together they share it. Measured are random networks of the laptop and the
published setting: no measure's time depends on the numbers.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from groklab.measures.fitting import fitting
from groklab.measures.measure import Measure, built_in, on_request
from groklab.measures.view import Labels, View
from groklab.models import TransformerSettings, build
from groklab.tasks import Split, SplitSettings, Task, parse_task

BEGIN, END = "<!-- made by python -m groklab.measures.costs -->", "<!-- end -->"
"""What the table stands between in a page."""
NETWORKS = 4
"""Networks in one call: one after the other on a CPU, where their tables stay in its cache, else all at once."""
SETTINGS = {
    "laptop": ("add:59", TransformerSettings(d_model=64, d_mlp=128), 0.4),
    "published": ("add:113", TransformerSettings(), 0.3),
}
"""Task, network and share of the pairs trained on of both scales of the main setting."""
MOMENTS = ("At every logged step", "Afterwards, at every kept step", "On request, at every kept step")
"""When measures are taken."""
NEEDS = {
    "group": "group",
    "key": "group, key frequencies",
    "test": "test labels",
    "mirrors": "mirror pairs",
    "mlp": "neurons",
    "attention": "attention",
    "table": "an operation's table",
    "classes": "classes",
    "digits": "addition digit by digit",
    "repeats": "repeated subsequences",
    "linear": "the linear model",
}


def table(repeats: int = 7) -> str:
    """The table: a row a measure, those of one moment together, each with the median time of `repeats` calls."""
    every = (*built_in(), *on_request())
    timed = {scale: times(scale, every, repeats) for scale in SETTINGS}
    head = (
        "| name | what it is | unit | dimensions | needs | " + " | ".join(f"ms, {scale}" for scale in SETTINGS) + " |"
    )
    lines: list[str] = []
    for moment in MOMENTS:
        chosen = [one for one in every if _moment(one) == moment]
        if not chosen:
            continue
        lines += [f"### {moment}\n", head, "|---" * (5 + len(SETTINGS)) + "|"]
        for one in chosen:
            needs = ", ".join(NEEDS[need] for need in one.needs)
            cells = (f"`{one.name}`", one.description, one.units, ", ".join(one.dims), needs)
            taken = (_shown(timed[scale].get(one.name)) for scale in SETTINGS)
            lines.append("| " + " | ".join((*cells, *taken)) + " |")
        together = (_shown(timed[scale][moment]) for scale in SETTINGS)
        lines.append("| " + " | ".join(("**all together**", "", "", "", "", *together)) + " |\n")
    return "\n".join(lines)


def times(scale: str, measures: Sequence[Measure], repeats: int) -> dict[str, float]:
    """Median milliseconds of one network's measures, each alone, and all of either moment together.

    The calls take turns, so that what else the machine does falls on all of them alike.
    """
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    name, settings, fraction = SETTINGS[scale]
    task = Task.of(parse_task(name))
    split = Split.of(task, SplitSettings(fraction=fraction), 0)
    keys = jax.random.split(jax.random.key(0), NETWORKS)
    models = jax.jit(jax.vmap(lambda key: build(settings, task.vocabulary, task.length, key=key)))(keys)
    data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
    fitted, _ = fitting(measures, View.outline(settings, task))
    groups = {one.name: [one] for one in fitted}
    for one in fitted:
        groups.setdefault(_moment(one), []).append(one)
    programs = {name: _program(task, group) for name, group in groups.items()}
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(repeats + 1):
        for name, program in programs.items():
            began = clock()
            jax.block_until_ready(program(models, data))
            if turn:
                taken[name].append(1000 * (clock() - began) / NETWORKS)
    return {name: statistics.median(values) for name, values in taken.items()}


def _program(task: Task, measures: Sequence[Measure]) -> Callable[..., Any]:
    def compute(models: Any, data: Labels) -> list[jax.Array]:
        def of_one(model: Any) -> list[jax.Array]:
            view = View(model, task, data)
            return [one.compute(view) for one in measures]

        return jax.lax.map(of_one, models) if jax.default_backend() == "cpu" else jax.vmap(of_one)(models)

    return jax.jit(compute)


def _moment(one: Measure) -> str:
    return MOMENTS[2 if one.on_request else int(one.afterwards)]


def _shown(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.2g}" if milliseconds < 10 else f"{milliseconds:.0f}"


def placed(page: str, made: str) -> str:
    """The page with what was made between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{made}{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:]:
        page = Path(sys.argv[1])
        page.write_text(placed(page.read_text(), table()))
    else:
        sys.stdout.write(table())
