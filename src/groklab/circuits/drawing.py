"""A circuit as figures, and as a page of them."""

import html
import io
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from rich.console import Console

from groklab.circuits.circuit import Circuit
from groklab.circuits.tables import print_circuit
from groklab.files import put
from groklab.style import OKABE_ITO, blank


def figures(circuit: Circuit) -> dict[str, go.Figure]:
    """Every figure this circuit has, by its title."""
    made: dict[str, go.Figure] = {}
    spectra, key = circuit.spectra, circuit.key
    if spectra is None or key is None or circuit.cosines is None:
        return made
    names = [str(k) for k in spectra.frequencies]
    single = {
        "Embedding W_E": spectra.embedding,
        "Unembedding W_U": spectra.unembedding,
        "Neuron-logit map W_L": spectra.neuron_logit,
    }
    used = [str(k) for k in key.used]
    for title, norms in single.items():
        if norms is not None:
            made[f"{title}: norm by frequency"] = _bars(names, norms, used, "norm of Fourier component")
    coefficients = circuit.cosines.projected
    made["Logits: coefficient of cos w_k(a+b-c)"] = _bars(names, coefficients, used, "coefficient (nats)")
    both = ["0", *names]
    made["Logits over the pairs"] = _heatmap(both, both, spectra.logits, "frequency in a", "frequency in b")
    if spectra.neurons is not None:
        made["Neurons over the pairs"] = _heatmap(both, both, spectra.neurons, "frequency in a", "frequency in b")
    if spectra.scores is not None:
        heads = [f"head {h}, {of}" for h in range(len(spectra.scores)) for of in "ab"]
        rows = spectra.scores.reshape(len(heads), -1)
        made["Attention scores over the tokens"] = _heatmap(names, heads, rows.T, "frequency k (index)", "")
    if circuit.neurons is not None:
        made["Neurons: share explained by one frequency"] = _neurons(circuit, names)
    if circuit.by_frequency is not None:
        made["Loss with one frequency removed"] = _removed(circuit, names)
    return made


def write_page(circuit: Circuit, path: Path) -> Path:
    """Writes the tables and figures as one HTML file that needs no network; gives its path.

    Raises `Mistake` when the file cannot be written.
    """
    console = Console(record=True, width=180, file=io.StringIO(), highlight=False)
    print_circuit(circuit, console)
    words = html.escape(console.export_text())
    title = html.escape(f"Circuit of a network trained on {circuit.task}")
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>",
        "<style>body{font-family:system-ui,sans-serif;margin:2rem auto;max-width:75rem}"
        "pre{overflow-x:auto;font-size:.8rem}</style>",
        f"<h1>{title}</h1><pre>{words}</pre>",
    ]
    for index, (name, figure) in enumerate(figures(circuit).items()):
        drawn = figure.to_html(full_html=False, include_plotlyjs=index == 0, default_height="360px")
        parts.append(f"<h2>{html.escape(name)}</h2>{drawn}")
    return put(path, "\n".join(parts), "the page")


def _bars(names: list[str], values: np.ndarray, used: list[str], title: str) -> go.Figure:
    figure = blank(bargap=0.25, showlegend=False)
    colours = [OKABE_ITO[1] if name in used else OKABE_ITO[0] for name in names]
    figure.add_bar(x=names, y=values, marker={"color": colours}, hovertemplate="k %{x}: %{y:.4g}<extra></extra>")
    figure.update_xaxes(title_text="frequency k (index; key ones orange)", type="category")
    figure.update_yaxes(title_text=title)
    return figure


def _heatmap(x: list[str], y: list[str], values: np.ndarray, x_title: str, y_title: str) -> go.Figure:
    figure = blank()
    figure.add_heatmap(
        x=x, y=y, z=values.T, colorscale="Viridis", colorbar={"title": {"text": "norm"}, "thickness": 12}
    )
    figure.update_xaxes(title_text=x_title, type="category")
    figure.update_yaxes(title_text=y_title, type="category")
    return figure


def _neurons(circuit: Circuit, names: list[str]) -> go.Figure:
    figure = blank(showlegend=False)
    neurons = circuit.neurons
    assert neurons is not None
    alive = neurons.frequency >= 0
    figure.add_scatter(
        x=[names[k] for k in neurons.frequency[alive]],
        y=neurons.share[alive],
        mode="markers",
        marker={"color": OKABE_ITO[0], "opacity": 0.5},
        text=[f"neuron {m}" for m in np.flatnonzero(alive)],
        hovertemplate="%{text}, k %{x}: %{y:.1%}<extra></extra>",
    )
    figure.update_xaxes(title_text="frequency k (index)", type="category", categoryorder="array", categoryarray=names)
    figure.update_yaxes(title_text="share of variance", range=[0, 1.02])
    return figure


def _removed(circuit: Circuit, names: list[str]) -> go.Figure:
    figure = blank()
    removed = circuit.by_frequency
    assert removed is not None
    for colour, (word, losses) in enumerate({"logits": removed.logits, "neurons": removed.neurons}.items()):
        if losses is not None:
            figure.add_scatter(x=names, y=losses, mode="lines+markers", name=word, line={"color": OKABE_ITO[colour]})
    figure.add_hline(y=circuit.score.loss, line={"dash": "dash", "color": "#8C8C8C"})
    figure.update_xaxes(title_text="frequency k removed (index)", type="category")
    figure.update_yaxes(title_text="loss on all pairs (nats; dashed: nothing removed)", type="log")
    return figure
