"""The tokens' embedding on the circle of one frequency."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from groklab.circuits.basis import Basis
from groklab.errors import Mistake
from groklab.figures.look import GREY, sheet
from groklab.tasks import Task

if TYPE_CHECKING:
    from groklab.models import Model

TURN = (
    (0.0, "#0072B2"), (0.25, "#009E73"), (0.5, "#E69F00"), (0.75, "#CC79A7"), (1.0, "#0072B2"),
)  # fmt: skip
"""Colours around the circle, which come back to where they began."""


def embedding_circle(model: "Model", task: Task, k: int) -> go.Figure:
    """All tokens in the plane of W_E that frequency k spans, the unit circle behind them.

    The claim of Nanda et al. 2023, section 4.1 and figure 1, that tokens are embedded on circles. With u = W_E^T cos_k
    and v = W_E^T sin_k (cos_k, sin_k orthonormal over the tokens), a token's place (x, y) is the least-squares solution
    of W_E[a] = x u + y v, times sqrt(P / 2): an embedding in which other frequencies are orthogonal to this
    one, or absent, has token a at (cos w_k a, sin w_k a). Colours go with the angle w_k a. Raises `Mistake` for a task
    whose group is not cyclic, and for a frequency that it does not have.
    """
    basis = Basis.of(task)
    angle = angles(basis, k)
    x, y = places(basis, np.asarray(model.embed.W_E, np.float64), k)
    tokens = basis.structure.in_order("a")
    figure = sheet()
    circle = np.linspace(0, 2 * np.pi, 181)
    figure.add_scatter(
        x=np.cos(circle), y=np.sin(circle), mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip",
        showlegend=False, meta={"circle": True},
    )  # fmt: skip
    around = np.argsort(angle, kind="stable")
    figure.add_scatter(
        x=x[around],
        y=y[around],
        mode="markers+text" if len(tokens) <= 40 else "markers",
        text=tokens[around].astype(str),
        textposition="top center",
        textfont={"size": 9},
        marker={"size": 8, "color": angle[around], "colorscale": TURN, "cmin": 0, "cmax": 2 * np.pi},
        hovertemplate="token %{text}<br>(%{x:.3f}, %{y:.3f})<extra></extra>",
        showlegend=False,
        meta={"frequency": k},
    )
    reach = 1.12 * max(1.0, float(np.abs([x, y]).max()))
    figure.update_xaxes(title_text=f"along cos w<sub>{k}</sub>a (unit circle: 1)", range=[-reach, reach])
    figure.update_yaxes(
        title_text=f"along sin w<sub>{k}</sub>a (unit circle: 1)", range=[-reach, reach], scaleanchor="x",
        constrain="domain",
    )  # fmt: skip
    figure.update_xaxes(constrain="domain")
    off = float(np.sqrt(np.mean((x - np.cos(angle)) ** 2 + (y - np.sin(angle)) ** 2)))
    alt = f"{len(tokens)} tokens in the plane of frequency {k}, {off:.2g} radii from their places on the unit circle."
    return figure.update_layout(meta={"frequency": k, "alt": alt, "square": True})


def angles(basis: Basis, k: int) -> Float[np.ndarray, " a"]:
    """w_k a for every element, from 0 to 2 pi. Raises `Mistake` where the frequency has no cosine and sine."""
    if k not in basis.labels:
        raise Mistake(f"{basis.group.name} has frequencies {basis.labels[0]} to {basis.labels[-1]}, not {k}")
    if len(basis.rows_of(basis.labels.index(k))) != 2 or not basis.group.abelian:
        raise Mistake(f"frequency {k} of {basis.group.name} has no cosine and sine, and so no circle")
    return 2 * np.pi * (k * np.arange(basis.order) % basis.order) / basis.order


def places(
    basis: Basis, embedding: Float[np.ndarray, "token d"], k: int
) -> tuple[Float[np.ndarray, " a"], Float[np.ndarray, " a"]]:
    """The places of all tokens in the plane of a frequency, on the unit circle where they are as the theory says."""
    W_E = embedding[basis.structure.in_order("a")]
    plane = basis.group.basis[basis.rows_of(basis.labels.index(k))] @ W_E
    found = np.linalg.lstsq(plane.T, W_E.T, rcond=None)[0] * np.sqrt(basis.order / 2)
    return found[0], found[1]
