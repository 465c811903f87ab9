"""A user's function as a measure: what it becomes, what is refused, and the documented examples."""

import functools
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.errors import Mistake
from groklab.measures import Measure, View, built_in, fitting, measured
from groklab.models import Inputs, Model, TransformerSettings, named_parameters, skeleton, with_parameters
from groklab.tasks import Task, parse_task

SETTINGS = TransformerSettings(d_model=8, heads=2, d_mlp=12)
PAGE = Path(__file__).parents[1] / "docs/measures.md"


@pytest.fixture(scope="module")
def task() -> Task:
    return Task.of(parse_task("add:7"))


@pytest.fixture(scope="module")
def outline(task: Task) -> View:
    return View.outline(SETTINGS, task)


def drawn(task: Task, *leading: int) -> Model:
    """A network with random weights, or several."""
    outline, rng = skeleton(SETTINGS, task.vocabulary, task.length), np.random.default_rng(0)
    shapes = {name: leaf.shape for name, leaf in named_parameters(outline).items()}
    return with_parameters(outline, {name: rng.normal(0, 0.7, (*leading, *shape)) for name, shape in shapes.items()})


def largest_weight(model: Any, task: Task) -> Any:
    """The largest entry of the embedding.

    And more.
    """
    return jnp.max(model.W_E[: task.elements])


def test_a_plain_function_becomes_a_measure_of_its_name(outline: View) -> None:
    one = Measure.of(largest_weight)
    assert (one.name, one.description) == ("largest_weight", "The largest entry of the embedding.")
    assert (one.units, one.dims, one.needs, one.afterwards) == ("1", (), (), False)
    assert Measure.of(one) is one
    fitted, labels = fitting([*built_in(), one], outline)
    assert fitted[-1].name == "largest_weight"
    assert set(labels) == {"frequency", "matrix", "reading", "part"}


def test_it_is_measured_under_jit_for_many_networks_at_once(task: Task, outline: View) -> None:
    many = drawn(task, 3)
    measure = Measure.of(largest_weight)
    found = jax.jit(jax.vmap(lambda model: measure.compute(View(model, task, outline.data))))(many)
    np.testing.assert_allclose(found, np.asarray(many.embed.W_E)[:, :7].max(axis=(1, 2)))
    assert found.dtype == jnp.float32


def test_what_measured_says_is_taken_over_and_the_function_stays_callable(task: Task, outline: View) -> None:
    @measured(units="nats", dims=("head",), afterwards=True)
    def by_head(model: Any, task: Task) -> Any:
        return model.blocks[0].attn.W_Q.sum(axis=(1, 2)) > 0

    one = Measure.of(by_head)
    assert (one.units, one.dims, one.afterwards) == ("nats", ("head",), True)
    assert one.description == "The user's own measure by_head, which has no docstring."
    (fitted,), labels = fitting([one], outline)
    assert labels["head"].tolist() == ["0.0", "0.1"]
    model = drawn(task)
    value = fitted.compute(View(model, task, outline.data))
    np.testing.assert_array_equal(value, by_head(model, task))
    assert value.dtype == jnp.float32


def test_dimensions_without_names_get_the_measures(outline: View) -> None:
    def scores(model: Any, task: Task) -> Any:
        return model.W_E[:3]

    (one,), labels = fitting([Measure.of(scores)], outline)
    assert one.dims == ("scores_0", "scores_1")
    assert [labels[dim].tolist() for dim in one.dims] == [[0, 1, 2], list(range(8))]


def test_a_known_dimension_brings_its_labels_and_must_fit(outline: View) -> None:
    @measured(dims=("frequency",))
    def fits(model: Any, task: Task) -> Any:
        return model.W_E[0, :3]

    @measured(dims=("frequency",))
    def misfits(model: Any, task: Task) -> Any:
        return model.W_E[0, :4]

    assert fitting([Measure.of(fits)], outline)[1]["frequency"].tolist() == [1, 2, 3]
    with pytest.raises(Mistake, match="misfits has 4 values along frequency, where others have 3"):
        fitting([Measure.of(misfits)], outline)


def test_a_measure_that_refers_to_key_frequencies_brings_their_labels(outline: View) -> None:
    excluded = next(one for one in built_in() if one.name == "excluded_loss")
    assert not excluded.dims
    assert fitting([excluded], outline)[1]["frequency"].tolist() == [1, 2, 3]


def of_one(model: Any) -> Any:
    return model


def train_loss(model: Any, task: Task) -> Any:
    return jnp.zeros(())


def seed(model: Any, task: Task) -> Any:
    return jnp.zeros(())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "a measure is a function f"),
        (lambda model, task: 0.0, "has no name; write it with def"),
        (functools.partial(largest_weight), "has no name; write it with def"),
        (of_one, r"two arguments, \(model, task\), not of_one"),
        (train_loss, "have a train_loss already; give your measure's function another name"),
        (seed, "have a seed already"),
    ],
)
def test_what_can_be_no_measure(given: Any, said: str) -> None:
    with pytest.raises(Mistake, match=said):
        Measure.of(given)


def by_numpy(model: Any, task: Task) -> Any:
    return np.linalg.norm(model.W_E)


def by_if(model: Any, task: Task) -> Any:
    return 1.0 if model.W_E[0, 0] > 0 else 0.0


def by_float(model: Any, task: Task) -> Any:
    return float(model.W_E[0, 0])


def by_mask(model: Any, task: Task) -> Any:
    return model.W_E[model.W_E > 0].sum()


def several(model: Any, task: Task) -> Any:
    return model.W_E, model.W_U


def nothing(model: Any, task: Task) -> Any:
    return None


def imaginary(model: Any, task: Task) -> Any:
    return jnp.fft.fft(model.W_E[:, 0])


def broken(model: Any, task: Task) -> Any:
    return model.W_F


@measured(dims=("head",))
def scalar(model: Any, task: Task) -> Any:
    return model.W_E[0, 0]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (by_numpy, "by_numpy cannot be compiled by JAX: TracerArrayConversionError. Use jax.numpy"),
        (by_if, "by_if cannot be compiled by JAX: TracerBoolConversionError"),
        (by_float, "by_float cannot be compiled by JAX: ConcretizationTypeError"),
        (by_mask, "by_mask cannot be compiled by JAX: NonConcreteBooleanIndexError"),
        (several, "several must return a number or one array of real numbers, not"),
        (nothing, "nothing must return a number or one array of real numbers, not None"),
        (imaginary, "imaginary must return a number or one array of real numbers"),
        (broken, "broken failed on add:7: AttributeError: 'Transformer' object has no attribute 'W_F'"),
        (scalar, re.escape("scalar has the dimensions ('head',), but its result has the shape ()")),
    ],
)
def test_what_cannot_be_measured_is_found_before_training(function: Any, said: str, outline: View) -> None:
    with pytest.raises(Mistake, match=said) as raised:
        fitting([Measure.of(function)], outline)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("dims", ["head", ("a b",), ("run",), ("x", "x")])
def test_dimensions_that_are_no_names(dims: Any) -> None:
    with pytest.raises(Mistake, match="takes different names in a tuple"):
        measured(dims=dims)


def test_the_pages_own_measures_are_what_the_page_says(task: Task, outline: View) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    page: dict[str, Any] = {}
    exec(next(block for block in blocks if "def commutes" in block), page)
    model = drawn(task)
    measures, labels = fitting([Measure.of(page["commutes"]), Measure.of(page["attention_entropy"])], outline)
    assert [(one.name, one.dims, one.units) for one in measures] == [
        ("commutes", (), "1"),
        ("attention_entropy", ("head",), "nats"),
    ]
    assert labels["head"].tolist() == ["0.0", "0.1"]
    name, inputs = "blocks.0.attn.pattern", Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)

    @jax.jit
    def compute(model: Any) -> Any:
        view = View(model, task, outline.data)
        return [one.compute(view) for one in measures], model.run(inputs, [name])

    (share, entropy), (logits, kept) = compute(model)
    answers = np.asarray(logits)[:, -1].argmax(axis=1)
    rows = [(task.row(a, b), task.row(b, a)) for a in range(7) for b in range(7)]
    assert float(share) == pytest.approx(np.mean([answers[row] == answers[mirror] for row, mirror in rows]))
    last = np.asarray(kept[name], np.float64)[:, :, -1]
    slow = [np.mean([-sum(p * np.log(p) for p in row[head]) for row in last]) for head in range(2)]
    np.testing.assert_allclose(entropy, slow, rtol=1e-5)
