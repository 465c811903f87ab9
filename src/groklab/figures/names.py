"""Every figure by name: what it shows, how large it is printed, and how it is drawn from a record.

The functions that draw are imported when they are first called.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groklab import figures
from groklab.errors import Mistake
from groklab.figures.sizes import DOUBLE, SINGLE

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from groklab.record import Record

Drawn = Iterator[tuple[str, "go.Figure"]]
"""Figures, each with what is added to the name: `-k14`, or nothing for the only one."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """A figure that a record may have."""

    source: str
    """The paper's figure, or what it shows beyond them."""
    width: float
    """Its width in print, in mm."""
    draw: "Callable[[Record, int], Drawn]"
    """Draws it of a record, showing the run of that number where it shows one; raises `Mistake` for what is missing."""


def _one(figure: "go.Figure") -> Drawn:
    yield "", figure


def _training(record: "Record", run: int) -> Drawn:
    for name in ("test_accuracy", "test_loss"):
        yield f"-{name.replace('_', '-')}", figures.training_curves(record, name)


def _iso(record: "Record", run: int) -> Drawn:
    yield "-correct-logit", figures.iso_logit(record)
    yield "-margin", figures.iso_logit(record, "margin")


def _circles(record: "Record", run: int) -> Drawn:
    model, task = record.model(run), record.task(run)
    for k in _key(record, run):
        yield f"-k{k}", figures.embedding_circle(model, task, k)


def _attention(record: "Record", run: int) -> Drawn:
    model, task = record.model(run), record.task(run)
    # The number of heads is known once the first one is drawn: a network without heads says so there.
    yield "-head0", figures.attention_picture(model, task, 0)
    for head in range(1, int(getattr(record.runs[run].model, "heads", 1))):
        yield f"-head{head}", figures.attention_picture(model, task, head)


def _neurons(record: "Record", run: int) -> Drawn:
    from groklab.figures.pictures import strongest_neuron

    model, task = record.model(run), record.task(run)
    for k in _key(record, run):
        yield f"-k{k}", figures.neuron_picture(model, task, strongest_neuron(model, task, k))


def _key(record: "Record", run: int) -> list[int]:
    from groklab.figures.reading import key_frequencies, one_run

    found = [k for k in key_frequencies(one_run(record, run, ())) if isinstance(k, int)]
    if not found:
        raise Mistake(f"run {run} of {record.path} has no key frequency")
    return found


def _study(record: "Record", run: int) -> Drawn:
    from groklab.figures.study_charts import named

    return named(record)


def _simulation(record: "Record", run: int) -> Drawn:
    if not record.study.startswith("varma/"):
        raise Mistake("it needs no runs, and goes with the studies of Varma et al. 2023")
    yield from _one(figures.simulation())


FIGURES = {
    "phases": Named(
        source="Nanda et al. 2023, figure 7", width=SINGLE,
        draw=lambda record, run: _one(figures.phases_curves(record, run)),
    ),
    "progress-measures": Named(
        source="Nanda et al. 2023, figure 7", width=DOUBLE,
        draw=lambda record, run: _one(figures.progress_measures(record, run)),
    ),
    "spectra": Named(
        source="Nanda et al. 2023, figures 3 and 4", width=SINGLE,
        draw=lambda record, run: _one(figures.spectra(record, run)),
    ),
    "embedding-circle": Named(source="Nanda et al. 2023, section 4.1", width=SINGLE, draw=_circles),
    "attention": Named(source="Nanda et al. 2023, figure 3", width=DOUBLE, draw=_attention),
    "neuron": Named(source="Nanda et al. 2023, figure 3", width=DOUBLE, draw=_neurons),
    "logit-cosines": Named(
        source="Nanda et al. 2023, section 4.1", width=SINGLE,
        draw=lambda record, run: _one(figures.logit_cosines(record, run)),
    ),
    "training-curves": Named(source="Nanda et al. 2023, figure 2", width=SINGLE, draw=_training),
    "grokking-survival": Named(
        source="Nanda et al. 2023, appendix D; Varma et al. 2023, section 7", width=SINGLE,
        draw=lambda record, run: _one(figures.grokking_survival(record)),
    ),
    "size-transition": Named(
        source="Varma et al. 2023, figures 4, 7 and 8", width=SINGLE,
        draw=lambda record, run: _one(figures.size_transition(record)),
    ),
    "iso-logit": Named(source="Varma et al. 2023, figure 3", width=DOUBLE, draw=_iso),
    "circuit-strengths": Named(
        source="Varma et al. 2023, figure 9", width=SINGLE,
        draw=lambda record, run: _one(figures.circuit_strengths(record, run)),
    ),
    "study": Named(
        source="the charts of the study's page; Varma et al. 2023, figures 1c, 5, 6, 8 and 10",
        width=SINGLE,
        draw=_study,
    ),
    "simulation": Named(source="Varma et al. 2023, figure 2", width=DOUBLE, draw=_simulation),
}  # fmt: skip
"""Every figure, by the name of its file."""
