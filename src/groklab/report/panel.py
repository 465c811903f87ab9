"""Which figures a dataset gives: those with a name, then every measure that none of them shows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import plotly.graph_objects as go
import xarray as xr

from groklab.report import lines as drawn
from groklab.report.heatmaps import final_spectra, spectra


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One figure of the page."""

    name: str
    """Its place in the page, unique: `loss`."""
    group: str
    """The heading it stands under."""
    title: str
    """Its own heading."""
    caption: str
    """What is seen, in a sentence or two."""
    figure: go.Figure
    """The figure; `layout.meta` says what can be chosen in it."""
    axes: tuple[str, ...] = ("x", "y")
    """The axes that a reader may switch between linear and logarithmic."""
    legend: bool = False
    """Whether the figure has a legend of its own; else the buttons of the runs are it."""


@dataclass(frozen=True)
class _Named:
    name: str
    group: str
    title: str
    variables: tuple[str, ...]
    draw: Callable[[xr.Dataset], go.Figure]


LEARNING, NEEDED = "Loss and accuracy", "With the key frequencies alone, and without them"
WEIGHTS, STRUCTURE = "Norms, sparsity and margins", "Spectra"
OTHERS = "Other measures"
"""The heading of what is folded away."""

_NAMED = (
    _Named("loss", LEARNING, "Loss", ("test_loss", "train_loss"), drawn.loss_curves),
    _Named("accuracy", LEARNING, "Accuracy", ("test_accuracy", "train_accuracy"), drawn.accuracy_curves),
    _Named("restricted", NEEDED, "Restricted loss", ("restricted_loss_test", "test_loss"), drawn.restricted_curves),
    _Named("excluded", NEEDED, "Excluded loss", ("excluded_loss", "train_loss"), drawn.excluded_curves),
    _Named("sum-of-squares", WEIGHTS, "All weights", ("sum_of_squares",), drawn.sum_of_squares_curves),
    _Named("matrix-norm", WEIGHTS, "Each matrix", ("matrix_norm",), drawn.matrix_norm_curves),
    _Named("trig-share", WEIGHTS, "Trigonometric share", ("trig_share",), drawn.trig_share_curves),
    _Named("sparsity", WEIGHTS, "Sparsity", ("gini_embedding", "gini_neuron_logit"), drawn.sparsity_curves),
    _Named("margin", WEIGHTS, "Margin", ("test_margin", "train_margin"), drawn.margin_curves),
    _Named(
        "mirror",
        WEIGHTS,
        "Mirror pairs",
        ("mirror_accuracy_untrained", "mirror_accuracy_trained"),
        drawn.mirror_curves,
    ),
)

_SPECTRA = {
    "embedding_norm": "Spectrum of the embedding W_E",
    "neuron_logit_norm": "Spectrum of the neuron-logit map W_L",
}


def panels(metrics: xr.Dataset, few: xr.Dataset | None = None) -> list[Panel]:
    """Every figure that the dataset has the variables for, grouped by heading, in the order of reading.

    A measure that no figure is named after gets one all the same: curves for dimensions (run, step), with its
    train and test forms in one; a heatmap and bars where `frequency` comes to them; curves with a choice for
    any other third or fourth dimension. `few` has the runs that are drawn where there is much for each run: each
    matrix, spectra, other measures; all runs by default.
    """
    few = metrics if few is None else few
    made = [*_named(metrics, few), *_all_spectra(few), *_others(few)]
    order = list(dict.fromkeys([LEARNING, NEEDED, WEIGHTS, STRUCTURE, OTHERS, *(panel.group for panel in made)]))
    return sorted(made, key=lambda panel: order.index(panel.group))


def _named(metrics: xr.Dataset, few: xr.Dataset) -> Iterator[Panel]:
    for entry in _NAMED:
        present = [name for name in entry.variables if name in metrics]
        # A figure is there for its first variable; the others stand beside it.
        if entry.variables[0] in present or (present and entry.group != NEEDED):
            figure = entry.draw(few if metrics[present[0]].ndim > 2 else metrics)
            caption = _caption(metrics, present)
            yield Panel(name=entry.name, group=entry.group, title=entry.title, caption=caption, figure=figure)


def _all_spectra(metrics: xr.Dataset) -> Iterator[Panel]:
    names = [str(name) for name in metrics.data_vars if metrics[name].dims == ("run", "step", "frequency")]
    for name in sorted(names, key=lambda name: [*_SPECTRA, name].index(name)):
        title, group = _SPECTRA.get(name, _words(name)), STRUCTURE if name in _SPECTRA else OTHERS
        label = "norm" if name in _SPECTRA else _words(name).lower()
        caption = _caption(metrics, [name])
        over, last = spectra(metrics, name, label), final_spectra(metrics, name, label)
        yield Panel(name=name, group=group, title=f"{title}, over training", caption=caption, figure=over, axes=())
        if "key_frequency" in metrics:
            caption += " A star marks the key frequencies."
        ending = f"{title}, at the end"
        yield Panel(name=f"{name}-last", group=group, title=ending, caption=caption, figure=last, axes=("y",))


def _others(metrics: xr.Dataset) -> Iterator[Panel]:
    shown = {name for entry in _NAMED for name in entry.variables}
    for key, values in metrics.data_vars.items():
        name = str(key)
        if name in shown or "frequency" in values.dims or values.dims[:2] != ("run", "step"):
            continue
        if values.ndim == 2:
            pair = _pair(metrics, name)
            shown.update(pair)
            bare = name.removeprefix("test_").removeprefix("train_") if len(pair) > 1 else name
            figure = drawn.curves(metrics, pair, _words(bare).lower())
            yield Panel(name=bare, group=OTHERS, title=_words(bare), caption=_caption(metrics, pair), figure=figure)
        else:
            figure = drawn.choice_curves(metrics, name, _words(name).lower())
            yield Panel(name=name, group=OTHERS, title=_words(name), caption=_caption(metrics, [name]), figure=figure)


def _pair(metrics: xr.Dataset, name: str) -> dict[str, str]:
    """A variable, with its other half where it has a train and a test form, and the words for their lines."""
    bare = name.removeprefix("test_").removeprefix("train_")
    both = {f"test_{bare}": "test", f"train_{bare}": "train"}
    return both if name in both and all(half in metrics for half in both) else {name: _words(name)}


def _caption(metrics: xr.Dataset, names: Iterable[str]) -> str:
    """The descriptions of variables as sentences."""
    texts = [str(metrics[name].attrs.get("description", "")).strip() for name in names]
    return " ".join(text if text.endswith(".") else f"{text}." for text in texts if text)


def _words(name: str) -> str:
    spaced = name.replace("_", " ")
    return spaced[:1].upper() + spaced[1:]
