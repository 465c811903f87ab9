"""Every measure against a slow, literal float64 implementation, on random networks and on those of every phase."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from groklab.measures import Labels, Measure, View, built_in, gini, masked_mean, measure
from groklab.models import Inputs, MLPSettings, TransformerSettings, named_parameters, skeleton, with_parameters
from groklab.tasks import Split, SplitSettings, Task, parse_task
from phase_networks import PHASES, QUICKLY, TRAINED, networks
from slow_measures import Slow, leads, saturated

SMALL = TransformerSettings(d_model=8, heads=2, d_mlp=12)
CASES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "addition": (SMALL, "add:7", {"fraction": 0.4}),
    "subtraction": (SMALL, "subtract:8", {"size": 30, "noise": 0.3}),
    "multiplication": (SMALL, "multiply:7", {"size": 25, "labels": "random"}),
    "division": (SMALL, "divide:7", {"fraction": 0.5}),
    "permutations": (SMALL, "compose:3", {"fraction": 0.5}),
    "no group": (SMALL, "quadratic:5", {"fraction": 0.5}),
    "attention only": (TransformerSettings(d_model=8, heads=2, d_mlp=0), "add:7", {"held_out": 0.3, "size": 20}),
    "two layers, as many logits as answers": (
        TransformerSettings(layers=2, d_model=6, heads=1, d_mlp=5, classes=7, layer_norm=True),
        "add:7:op",
        {"fraction": 0.5},
    ),
    "no attention": (MLPSettings(d_embed=6, d_mlp=9, shared_embedding=False), "add:7", {"fraction": 0.5}),
    "everything trained": (SMALL, "add:5", {"fraction": 1.0}),
}
GROUPLESS = {"no group"}
WITHOUT_NEURONS = {"attention only"}
WITHOUT_ATTENTION = {"no attention"}
LARGER = 1.2


@dataclass
class Case:
    """One network on one task, what the measures say, and what an oracle needs, in float64."""

    name: str

    def __post_init__(self) -> None:
        trained = self.name in PHASES
        if trained:
            self.choice, self.task, split, seed = TRAINED.model, Task.of(TRAINED.task), TRAINED.split, 0
            self.model: Any = networks()[self.name]
        else:
            self.choice, task, given = CASES[self.name]
            self.task, split, seed = Task.of(parse_task(task)), SplitSettings(**given), 3
            outline = skeleton(self.choice, self.task.vocabulary, self.task.length)
            # As large as makes the logits spread and some answers right.
            rng = np.random.default_rng(5)
            shapes = {name: leaf.shape for name, leaf in named_parameters(outline).items()}
            self.model = with_parameters(outline, {name: rng.normal(0.1, 0.7, shape) for name, shape in shapes.items()})
        self.weights = {name: np.asarray(leaf, np.float64) for name, leaf in named_parameters(self.model).items()}
        self.split = Split.of(self.task, split, seed)
        data = Labels(
            labels=jnp.asarray(self.split.labels),
            train=jnp.asarray(self.split.train_mask),
            test=jnp.asarray(self.split.test),
        )
        self.view = View(self.model, self.task, data)
        # Those that are computed afterwards have a file of their own.
        self.measures = {m.name: m for m in built_in() if m.applies(self.view) and not m.afterwards}
        compute = program("initial" if trained else self.name, tuple(self.measures))
        found, logits = compute(self.model, data)
        self.found = {name: np.asarray(value, np.float64) for name, value in found.items()}
        self.logits = np.asarray(logits, np.float64)
        if trained:
            slow = Slow(self.weights, self.task, self.split, key=[])
            rows = [self.task.row(a, b) for a, b in slow.operands]
            np.testing.assert_allclose(self.logits[rows], slow.full, atol=1e-5 * np.abs(slow.full).max())
            self.logits[rows] = slow.full

    @cached_property
    def train(self) -> list[int]:
        return sorted(self.split.train.tolist())

    @cached_property
    def test(self) -> list[int]:
        return [row for row in range(self.task.pairs) if self.split.test[row]]

    def label(self, row: int) -> int:
        return int(self.split.labels[row]) if row in self.train else int(self.task.answers[row])

    def loss(self, row: int) -> float:
        logits = self.logits[row]
        return float(np.log(np.sum(np.exp(logits - logits.max()))) + logits.max() - logits[self.label(row)])

    def margin(self, row: int) -> float:
        others = [x for c, x in enumerate(self.logits[row]) if c != self.label(row)]
        return float(self.logits[row, self.label(row)] - max(others))

    def right(self, row: int) -> float:
        return float(np.argmax(self.logits[row]) == self.label(row))


@cache
def program(name: str, measures: tuple[str, ...]) -> Any:
    """These measures of a case's kind of network in one compiled function of network and labels, and its logits."""
    choice = TRAINED.model if name in PHASES else CASES[name][0]
    task = Task.of(TRAINED.task if name in PHASES else parse_task(CASES[name][1]))
    inputs = Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)
    chosen = [one for one in built_in() if one.name in measures]

    def compute(model: Any, data: Labels) -> tuple[dict[str, jax.Array], jax.Array]:
        view = View(model, task, data)
        # The plain forward, whose every part has a test of its own.
        logits = model(inputs) if isinstance(choice, MLPSettings) else model(inputs)[:, -1]
        return {one.name: one.compute(view) for one in chosen}, logits

    return jax.jit(compute, compiler_options=QUICKLY)


Cases = Callable[[str], Case]


@pytest.fixture(scope="module")
def cases() -> Cases:
    return cache(Case)


@pytest.fixture(params=[*CASES, *PHASES])
def case(request: pytest.FixtureRequest, cases: Cases) -> Case:
    return cases(request.param)


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else np.nan


def test_every_measure_applies_where_it_should(case: Case) -> None:
    everywhere = {
        "train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "matrix_norm",
        "train_margin", "test_margin", "train_margin_spread", "test_margin_spread",
        "mirror_accuracy_trained", "mirror_accuracy_untrained", "gen_lead", "mem_lead", "saturated_share",
    }  # fmt: skip
    with_group = {
        "trig_share", "embedding_norm", "gini_embedding", "gini_embedding_unmerged", "key_count", "logit_cosine",
        "gen_logit", "mem_logit", "effective_frequencies_embedding",
    }  # fmt: skip
    with_both = {
        "neuron_logit_norm", "gini_neuron_logit", "gini_neuron_logit_unmerged", "effective_frequencies"
    }  # fmt: skip
    expected = everywhere | (set() if case.name in GROUPLESS else with_group)
    if case.name not in GROUPLESS | WITHOUT_NEURONS:
        expected |= with_both
    if case.name not in WITHOUT_NEURONS:
        expected |= {"rank_neuron_logit"}
    if case.name not in GROUPLESS | WITHOUT_ATTENTION:
        expected |= {"attention_norm"}
    assert set(case.measures) == expected
    assert all(np.shape(case.found[name]) == _shape(case, m) for name, m in case.measures.items())


def _shape(case: Case, m: Measure) -> tuple[int, ...]:
    return tuple(len(case.view.coordinates[dim]) for dim in m.dims)


def test_an_outline_knows_the_same_as_the_network(case: Case) -> None:
    outline = View.outline(case.choice, case.task)
    assert {m.name for m in built_in() if m.applies(outline) and not m.afterwards} == set(case.measures)
    for dim, labels in case.view.coordinates.items():
        np.testing.assert_array_equal(outline.coordinates[dim], labels)


def test_losses_accuracies_and_margins(case: Case) -> None:
    for part, rows in (("train", case.train), ("test", case.test)):
        margins = [case.margin(row) for row in rows]
        wanted = {
            f"{part}_loss": mean([case.loss(row) for row in rows]),
            f"{part}_accuracy": mean([case.right(row) for row in rows]),
            f"{part}_margin": mean(margins),
            f"{part}_margin_spread": mean([(m - mean(margins)) ** 2 for m in margins]) ** 0.5,
        }
        for name, value in wanted.items():
            floor = 1e-6 * np.abs(case.logits).max() if "margin" in name else 0.0
            np.testing.assert_allclose(case.found[name], value, rtol=1e-4, atol=floor, err_msg=name)


def test_strengths_and_saturation_by_loops(case: Case) -> None:
    gen, mem = leads(case.task, case.split, case.logits)
    floor = 1e-6 * np.abs(case.logits).max()
    np.testing.assert_allclose(case.found["gen_lead"], gen, rtol=1e-4, atol=floor)
    np.testing.assert_allclose(case.found["mem_lead"], mem, rtol=1e-4, atol=floor)
    # On the network's own logits, and on larger ones, as further training would make them.
    own, of_larger = case.found["saturated_share"], of_logits(case, "saturated_share", LARGER * case.logits)
    for larger, found in ((1.0, own), (LARGER, of_larger)):
        # Within rounding of the edge either answer will do.
        low, high = (saturated(case.split, larger * case.logits, factor) for factor in (1 + 1e-4, 1 - 1e-4))
        assert low - 1e-6 <= found <= high + 1e-6
    assert case.name != "grokked" or high > 0


def test_mirrors_by_a_loop(case: Case) -> None:
    trained, untrained = [], []
    pairs = {pair: row for row, pair in enumerate(zip(case.task.a.tolist(), case.task.b.tolist(), strict=True))}
    for (a, b), row in pairs.items():
        if row in case.test:
            mirrored = a != b and pairs.get((b, a)) in case.train
            (trained if mirrored else untrained).append(case.right(row))
    np.testing.assert_allclose(case.found["mirror_accuracy_trained"], mean(trained), rtol=1e-6)
    np.testing.assert_allclose(case.found["mirror_accuracy_untrained"], mean(untrained), rtol=1e-6)
    assert case.name == "everything trained" or (trained and untrained)


def test_norms(case: Case) -> None:
    squares = {name: sum(x * x for x in weight.ravel().tolist()) for name, weight in case.weights.items()}
    np.testing.assert_allclose(case.found["sum_of_squares"], sum(squares.values()), rtol=1e-5)
    assert case.view.coordinates["matrix"].tolist() == list(squares)
    np.testing.assert_allclose(case.found["matrix_norm"], np.sqrt(list(squares.values())), rtol=1e-5)


def characters(case: Case) -> tuple[list[Any], np.ndarray, np.ndarray, np.ndarray]:
    """Labels of the frequencies, and for each a function of d = a o b o c^-1 over (pair, class).

    Written from the formulas: cosines of sums of logarithms, or the two real characters of S_3. Also which pairs
    and which classes they are about.
    """
    n, name = case.task.settings.modulus, case.task.settings.operation
    a, b = case.task.a.astype(int), case.task.b.astype(int)
    if name == "compose":
        permutations = list(itertools.permutations(range(3)))
        table = []
        for x, y in zip(a, b, strict=True):
            p, q = permutations[x], permutations[y]
            pq = [p[q[i]] for i in range(3)]
            inverses = [[r.index(i) for i in range(3)] for r in permutations]
            table.append([[pq[inv[i]] for i in range(3)] for inv in inverses])
        fixed = np.array([[sum(d[i] == i for i in range(3)) for d in row] for row in table])
        sign = np.array([[1 if f in (0, 3) else -1 for f in row] for row in fixed])
        return ["(2,1)", "(1,1,1)"], np.stack([fixed - 1, sign]).astype(float), np.arange(len(a)), np.arange(6)
    if name in ("multiply", "divide"):
        order, log = n - 1, {pow(3, k, n): k for k in range(n - 1)}  # 3 is a primitive root of 7.
        rows = np.flatnonzero((a > 0) & (b > 0))
        left = np.array([log[x] for x in a[rows].tolist()])
        right = np.array([log[x] for x in b[rows].tolist()]) * (-1 if name == "divide" else 1)
        classes = np.arange(1, n)
        out = np.array([log[c] for c in classes.tolist()])
    else:
        order, rows, classes = n, np.arange(len(a)), np.arange(n)
        left, right, out = a, -b if name == "subtract" else b, classes
    d = (left + right)[:, None] - out
    labels = list(range(1, order // 2 + 1))
    return labels, np.stack([np.cos(2 * np.pi * k * d / order) for k in labels]), rows, classes


@pytest.mark.parametrize("blend", [0.0, 0.5, 2.0])
def test_trig_share_by_least_squares(case: Case, blend: float) -> None:
    """On the network's own logits, and on these with more or less of the generalising circuit added."""
    if case.name in GROUPLESS or (blend and case.name in PHASES):
        return
    _, directions, rows, classes = characters(case)
    logits = case.logits.copy()
    mixed = np.tensordot(np.random.default_rng(0).normal(size=len(directions)), directions, 1)
    logits[np.ix_(rows, classes)] += blend * logits.std() * mixed
    inside = logits[np.ix_(rows, classes)]
    centred = (inside - inside.mean(axis=1, keepdims=True)).ravel()
    design = directions.reshape(len(directions), -1).T
    fitted = design @ np.linalg.lstsq(design, centred, rcond=None)[0]
    share = (fitted @ fitted) / (centred @ centred)
    assert share > 0.005 or blend == 0
    found = case.found["trig_share"]
    if blend:
        found = of_logits(case, "trig_share", logits)
    np.testing.assert_allclose(found, share, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["addition", "division", "permutations"])
def test_trig_share_is_one_for_logits_of_the_generalising_circuit_alone(name: str, cases: Cases) -> None:
    case = cases(name)
    _, directions, rows, classes = characters(case)
    rng = np.random.default_rng(0)
    logits = rng.normal(size=case.logits.shape)
    offsets = rng.normal(size=(len(rows), 1))
    logits[np.ix_(rows, classes)] = np.tensordot(rng.normal(size=len(directions)), directions, 1) + offsets
    assert of_logits(case, "trig_share", logits) == pytest.approx(1, abs=1e-5)


def of_logits(case: Case, name: str, logits: np.ndarray) -> float:
    """A measure for logits that are given instead of the network's."""
    view = View(case.model, case.task, case.view.data)
    view.logits = jnp.asarray(logits, jnp.float32)
    return float(case.measures[name].compute(view))


def test_spectra_by_inner_products(case: Case) -> None:
    if case.name in GROUPLESS:
        return
    n, name = case.task.settings.modulus, case.task.settings.operation
    labels = characters(case)[0]
    assert sorted(map(str, case.view.coordinates["frequency"].tolist())) == sorted(map(str, labels))
    maps = {"embedding_norm": case.weights["embed.W_E"]}
    if case.name == "no attention":
        maps["neuron_logit_norm"] = case.weights["mlp.W_out"].T
    elif case.name not in WITHOUT_NEURONS:
        last = max(n for n in case.weights if n.endswith("mlp.W_out"))
        maps["neuron_logit_norm"] = (case.weights[last] @ case.weights["unembed.W_U"]).T
    for which, table in maps.items():
        if name == "compose":
            wanted = _spectrum_of_s3(table[:6])
            order = [wanted[str(label)] for label in case.view.coordinates["frequency"]]
        else:
            powers = [pow(3, k, n) for k in range(n - 1)] if name in ("multiply", "divide") else range(n)
            order = _cyclic_spectrum(table[list(powers)])
        np.testing.assert_allclose(case.found[which], order, rtol=1e-4, err_msg=which)
        which_gini = {"embedding_norm": "gini_embedding", "neuron_logit_norm": "gini_neuron_logit"}[which]
        np.testing.assert_allclose(case.found[which_gini], pairwise_gini(np.array(order)), rtol=1e-4, atol=1e-6)


def _cyclic_spectrum(table: np.ndarray) -> list[float]:
    """Norm of the part of each column that is a cosine or a sine of frequency k, by numpy's FFT."""
    order = len(table)
    powers = (np.abs(np.fft.fft(table, axis=0)) ** 2).sum(1) / order
    return [float(np.sqrt(powers[k] + (powers[-k] if 2 * k != order else 0))) for k in range(1, order // 2 + 1)]


def _spectrum_of_s3(table: np.ndarray) -> dict[str, float]:
    """What is left of the columns after the constant and the sign belongs to the two-dimensional irrep."""
    sign = np.array([1, -1, -1, 1, 1, -1])  # Permutations of three things in lexicographic order.
    constant, alternating = (np.outer(f, f @ table) / 6 for f in (np.ones(6), sign))
    return {
        "(1,1,1)": float(np.linalg.norm(alternating)),
        "(2,1)": float(np.linalg.norm(table - constant - alternating)),
    }


def pairwise_gini(values: np.ndarray) -> float:
    """Half the mean absolute difference over the mean: sum over i, j of |x_i - x_j| / (2 n^2 mean)."""
    return float(sum(abs(x - y) for x in values for y in values) / (2 * len(values) ** 2 * values.mean()))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(hnp.arrays(np.float32, 6, elements=st.floats(0.0625, 1000, width=32)))
def test_hurley_and_rickards_gini_is_half_the_relative_mean_difference(values: np.ndarray) -> None:
    assert float(gini(jnp.asarray(values))) == pytest.approx(pairwise_gini(values.astype(float)), abs=2e-6)


def test_gini_at_its_ends() -> None:
    assert float(gini(jnp.full(8, 3.0))) == pytest.approx(0, abs=1e-6)
    assert float(gini(jnp.zeros(8).at[5].set(2.0))) == pytest.approx(7 / 8)


def test_without_test_pairs_the_test_measures_are_nan_in_silence(cases: Cases) -> None:
    found = cases("everything trained").found
    empty = {name for name, value in found.items() if np.isnan(value).any()}
    assert empty == {
        "test_loss", "test_accuracy", "test_margin", "test_margin_spread",
        "mirror_accuracy_trained", "mirror_accuracy_untrained", "gen_lead", "mem_lead",
    }  # fmt: skip


def test_a_masked_mean_of_nothing_is_nan() -> None:
    assert np.isnan(masked_mean(jnp.ones(3), jnp.zeros(3, bool)))
    assert masked_mean(jnp.array([1.0, jnp.nan, 3.0]), jnp.array([True, False, True])) == 2


def test_a_measure_is_described_by_its_function() -> None:
    @measure(units="nats", dims=("matrix",), needs=("mlp",))
    def some_number(view: View) -> jax.Array:
        """What it is.

        And more.
        """
        return jnp.zeros(3)

    assert (some_number.name, some_number.description) == ("some_number", "What it is.")
    assert (some_number.units, some_number.dims, some_number.needs) == ("nats", ("matrix",), ("mlp",))


def test_the_built_in_measures_are_documented_and_in_order() -> None:
    names = [m.name for m in built_in()]
    assert names == sorted(set(names))
    assert all(m.description.endswith(".") and m.units in ("1", "nats") for m in built_in())


def test_needs_and_groups_that_are_not_there(cases: Cases) -> None:
    with pytest.raises(ValueError, match=r"a measure can need group, key, mlp, .*linear, not 'luck'"):
        cases("no group").view.has("luck")
    with pytest.raises(ValueError, match="quadratic:5 has no group"):
        _ = cases("no group").view.group
