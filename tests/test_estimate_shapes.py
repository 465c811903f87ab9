"""Which shapes of batches are measured, and what the others cost."""

from itertools import pairwise

import pytest

import groklab as gl
from groklab.engines import shapes
from groklab.engines.shapes import Shape, between, to_measure
from groklab.training import Run


def test_shapes_are_equal_where_only_numbers_differ() -> None:
    runs = [Run().replace({"seed": seed, "weight_decay": seed, "steps": 10 + seed}) for seed in range(2)]
    first, second = (Shape.of(gl.training.plan((run,))[0]) for run in runs)
    assert first == second
    for change in ({"modulus": 59}, {"fraction": 0.4}, {"d_mlp": 64}, {"loss": "log_softmax"}, {"batch_size": 50}):
        assert Shape.of(gl.training.plan((runs[0].replace(change),))[0]) != first


def sized(*widths: int, runs: int = 4) -> list[Shape]:
    return [Shape(like=Run().replace({"d_mlp": width}), runs=runs, examples=1000) for width in widths]


def test_few_shapes_are_measured_and_these_lie_apart() -> None:
    many = sized(*range(100, 2100, 100))
    chosen = to_measure(dict.fromkeys(many, 1.0), ())
    assert len(chosen) == shapes.MOST
    assert {many[0], many[-1]} < set(chosen)
    work = sorted(shape.work for shape in chosen)
    assert all(above / below > shapes.APART for below, above in pairwise(work))
    assert to_measure(dict.fromkeys(many, 1.0), chosen) == []
    assert to_measure(dict.fromkeys(sized(1000, 1010, 1020), 1.0), ()) == sized(1000)
    assert to_measure({}, ()) == []


def test_of_every_family_one_is_measured_the_dearest() -> None:
    layers = [Shape(like=Run().replace({"layers": count}), runs=2, examples=50) for count in range(1, 10)]
    chosen = to_measure({shape: shape.work for shape in layers}, ())
    assert set(chosen) == set(layers)
    two = [Shape(like=Run().replace({"layers": 2}), runs=2, examples=size) for size in (50, 51)]
    assert to_measure({two[0]: 5.0, two[1]: 4.0}, ()) == [two[0]]


def test_times_between_those_measured_follow_the_work() -> None:
    low, middle, high, beyond = sized(100, 400, 1600, 3200)
    power = {shape: 3e-9 * shape.work**0.9 for shape in (low, high)}
    assert between(middle, power) == pytest.approx(3e-9 * middle.work**0.9)
    assert between(high, power) == power[high]
    assert between(beyond, power) == pytest.approx(3e-9 * beyond.work**0.9)
    assert between(low, {middle: power[high], high: power[high]}) == power[high]
    steep = {middle: 1.0, high: 100.0}
    assert between(beyond, steep) == pytest.approx(100.0 * beyond.work / high.work)
    assert between(low, steep) == pytest.approx(low.work / middle.work)
    assert between(low, {middle: 2.0}) == pytest.approx(2.0 * low.work / middle.work)
    assert between(beyond, {high: 2.0}) == pytest.approx(2.0 * beyond.work / high.work)
    assert between(middle, {low: 0.0, high: 0.0}) == 0
    other = Shape(like=Run().replace({"layers": 3}), runs=2, examples=50)
    assert between(middle, {low: 1.0, high: 4.0, other: 1e9}) == between(middle, {low: 1.0, high: 4.0})
    assert between(other, {middle: 2.0}) == pytest.approx(2.0 * other.work / middle.work)
