"""Attention and neurons over all pairs, with their 2D spectra (Nanda et al. 2023, figure 3)."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from groklab.circuits.anatomy import Anatomy
from groklab.circuits.basis import Basis
from groklab.circuits.periodic import merged, pair_coefficients
from groklab.errors import Mistake
from groklab.figures.look import sheet
from groklab.tasks import Task

if TYPE_CHECKING:
    from groklab.models import Model

PARTS = {"a": 0, "b": 1}


def attention_picture(model: "Model", task: Task, head: int = 0, operand: str = "a") -> go.Figure:
    """The attention that a head pays an operand from the last position, over all pairs (a, b), and its 2D spectrum.

    Figure 3 (centre) of Nanda et al. 2023. One layer of attention without LayerNorm. The spectrum has the norms of the
    products of frequencies in a and in b (0: constant), the mean left out. Raises `Mistake` for a network whose heads
    cannot be read, a head or operand that is not there, and a task that is no group's product.
    """
    anatomy, basis = _anatomy(model, task)
    attention = anatomy.attention
    if attention is None:
        raise Mistake(f"a {anatomy.architecture} has no attention that two operands' scores decide: take one layer")
    heads = attention.pattern.shape[1]
    if not 0 <= head < heads:
        raise Mistake(f"this network has heads 0 to {heads - 1}, not {head}")
    if operand not in PARTS:
        raise Mistake(f"the operands are a and b, not {operand}")
    values = attention.pattern[attention.operands[PARTS[operand]], head]
    title = f"attention of head {head} to {operand} (share)"
    return _picture(values.reshape(basis.order, basis.order), basis, title, {"head": head, "operand": operand})


def neuron_picture(model: "Model", task: Task, neuron: int) -> go.Figure:
    """A neuron's activation at the answer's position over all pairs (a, b), and its 2D spectrum.

    Figure 3 (right) of Nanda et al. 2023; the last layer's neuron. Raises `Mistake` for a network without neurons, a
    neuron that is not there, and a task that is no group's product.
    """
    anatomy, basis = _anatomy(model, task)
    if not anatomy.has_neurons:
        raise Mistake(f"a {anatomy.architecture} has no neurons to look at")
    width = anatomy.W_L.shape[1]
    if not 0 <= neuron < width:
        raise Mistake(f"this network has neurons 0 to {width - 1}, not {neuron}")
    values = _activation(anatomy, neuron).reshape(basis.order, basis.order)
    return _picture(values, basis, f"activation of neuron {neuron} (pure number)", {"neuron": neuron})


def strongest_neuron(model: "Model", task: Task, k: int) -> int:
    """The neuron whose column of W_L has the largest component of frequency k."""
    basis = Basis.of(task)
    W_L = np.asarray(model.neuron_logit_map, np.float64)[basis.classes]
    rows = basis.group.basis[basis.rows_of(basis.labels.index(k))]
    return int(np.linalg.norm(rows @ W_L, axis=0).argmax())


def _anatomy(model: "Model", task: Task) -> tuple[Anatomy, Basis]:
    basis = Basis.of(task)
    return Anatomy(model, task, basis.pairs, basis.classes), basis


def _activation(anatomy: Anatomy, neuron: int) -> Float[np.ndarray, " pair"]:
    if anatomy.attention is not None:
        return anatomy.attention.neurons(slice(neuron, neuron + 1))[:, 0]
    with jax.default_matmul_precision("highest"):
        for place, part in anatomy.neurons():
            if place.start <= neuron < place.stop:
                return part[:, neuron - place.start]
    raise AssertionError("the neuron's number was checked")


def _picture(values: Float[np.ndarray, "a b"], basis: Basis, title: str, meta: dict[str, int | str]) -> go.Figure:
    """The picture, and beside it its spectrum with the constant left out."""
    power = pair_coefficients(values[..., None].astype(np.float32), basis)[..., 0].astype(np.float64) ** 2
    norms = np.sqrt(merged(power, basis))
    norms[0, 0] = np.nan
    figure = sheet(1, 2, horizontal_spacing=0.26)
    tokens = {part: basis.structure.in_order(part) for part in ("a", "b")}
    plain = np.array_equal(tokens["a"], np.arange(basis.order)) and np.array_equal(tokens["b"], np.arange(basis.order))
    word = "token" if plain else f"element of {basis.group.name}"
    bar = {"thickness": 12, "outlinewidth": 0, "len": 1.0}
    figure.add_heatmap(
        z=values.T,
        colorscale="Cividis",
        colorbar=bar | {"title": {"text": title, "side": "right"}, "x": 0.38},
        hovertemplate="a %{x}, b %{y}: %{z:.4g}<extra></extra>",
        meta={"part": "picture"},
        row=1,
        col=1,
    )
    labels = ["0", *map(str, basis.labels)]
    x = list(range(len(labels))) if all(isinstance(label, int) for label in basis.labels) else labels
    figure.add_heatmap(
        x=x,
        y=x,
        z=norms.T,
        colorscale="Viridis",
        zmin=0,
        colorbar=bar | {"title": {"text": "norm (pure number)", "side": "right"}, "x": 1.01},
        hovertemplate="frequency %{x} in a, %{y} in b: norm %{z:.4g}<extra></extra>",
        meta={"part": "spectrum"},
        row=1,
        col=2,
    )
    figure.update_xaxes(title_text=f"a ({word})", row=1, col=1)
    figure.update_yaxes(title_text=f"b ({word})", scaleanchor="x", constrain="domain", row=1, col=1)
    figure.update_xaxes(title_text="frequency in a (index)", row=1, col=2)
    figure.update_yaxes(title_text="frequency in b (index)", scaleanchor="x2", constrain="domain", row=1, col=2)
    figure.update_xaxes(showgrid=False, constrain="domain")
    figure.update_yaxes(showgrid=False)
    most = np.unravel_index(int(np.nanargmax(norms)), norms.shape)
    share = float(np.nanmax(norms) ** 2 / np.nansum(norms**2)) if np.nansum(norms**2) > 0 else 0.0
    alt = f"{title}: strongest at frequency {labels[most[0]]} in a and {labels[most[1]]} in b, {share:.0%} of variance."
    return figure.update_layout(showlegend=False, meta=meta | {"alt": alt, "rows": 1, "columns": 2, "pictures": True})
