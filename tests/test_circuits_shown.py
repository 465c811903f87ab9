"""A circuit as tables, figures, JSON and pages, and what is refused."""

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

from circuit_oracles import (
    AMPLITUDES,
    drawn,
    halves,
    task_of,
)
from groklab.circuits import (
    Basis,
    figures,
    markdown_table,
    print_circuit,
    take_apart,
)
from groklab.circuits.published import numbers_table
from groklab.errors import Mistake
from groklab.models import TransformerSettings, named_parameters, with_parameters
from groklab.models.closed_form import (
    lookup_network,
    trigonometric_transformer,
)


def test_a_network_of_another_task_is_refused():
    with pytest.raises(Mistake, match="is it the task it was trained on"):
        take_apart(lookup_network([0], [1], [1], 7), task_of("add", 11))
    with pytest.raises(Mistake, match="no group's product"):
        Basis.of(task_of("squares", 7))


def test_tokens_and_answers_must_be_those_of_the_task():
    for modulus in (19, 29):
        with pytest.raises(Mistake, match=f"24 tokens.*add:{modulus} needs {modulus + 1}"):
            take_apart(trigonometric_transformer(23, AMPLITUDES), task_of("add", modulus))
    wrong = drawn(TransformerSettings(d_model=8, heads=2, d_mlp=6, classes=9), task_of("add", 7))
    with pytest.raises(Mistake, match="8 tokens, 9 answers"):
        take_apart(wrong, task_of("add", 7))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(value):
    model = trigonometric_transformer(7, {2: 9.0})
    leaves = {name: np.array(leaf) for name, leaf in named_parameters(model).items()}
    leaves["blocks.0.mlp.W_in"][0, 1] = value
    with pytest.raises(Mistake, match=r"weights are not finite \(blocks\.0\.mlp\.W_in hold.*another --step") as caught:
        take_apart(with_parameters(model, leaves), task_of("add", 7))
    assert "\n" not in str(caught.value)


def test_a_page_that_cannot_be_written_is_a_mistake(tmp_path):
    from groklab.circuits.drawing import write_page

    task = task_of("add", 7)
    circuit = take_apart(trigonometric_transformer(7, {2: 9.0}), task)
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "y.html", tmp_path):
        with pytest.raises(Mistake, match=r"cannot write the page .*; give another place"):
            write_page(circuit, place)


def test_a_circuit_is_shown_as_tables_figures_json_and_beside_the_published_numbers(tmp_path):
    from groklab.circuits.drawing import write_page

    task = task_of("add", 23)
    circuit = take_apart(trigonometric_transformer(23, AMPLITUDES), task, halves(task))
    console = Console(record=True, width=160, file=io.StringIO())
    print_circuit(circuit, console)
    text = console.export_text()
    assert "3, 7, 10" in text
    assert "200 draws" in text
    assert len(figures(circuit)) == 9
    page = write_page(circuit, tmp_path / "deep" / "page.html").read_text()
    assert "Neuron-logit map" in page
    plain = circuit.to_json()
    json.dumps(plain, allow_nan=False)
    assert plain["key"]["used"] == [3, 7, 10]
    table = markdown_table({"exact": [circuit, circuit], "single": [circuit]})
    assert "| what | published | exact, 2 networks | single, 1 network | note |" in table
    assert "| 433 of 512 (84.6%) | 100.0% (100.0% to 100.0%) | 100.0% | 5 |" in table
    assert "| path around the MLP removed: zero | 9.12e-7 | not measured | not measured |  |" in table
    assert "\n5. *neurons over 85%" in table
    assert "| path around the MLP removed: zero | 9.12e-7 | 3e-7, 1 network |  |" in numbers_table(
        {"mixed": [{"path around the MLP removed: zero": [3e-7]}, {}]}
    )
