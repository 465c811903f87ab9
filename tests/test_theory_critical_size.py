"""The critical size on made-up networks whose crossing is known."""

import math

import numpy as np
import pytest

from groklab.errors import Mistake
from groklab.theory import Points, critical_size


def made(
    *,
    crossing: float = 600.0,
    slope: float = 0.3,
    seeds: int = 10,
    noise: float = 0.02,
    sizes: tuple[float, float] = (200, 2000),
    exponents: tuple[float, float] = (0.5, 0.5),
    seed: int = 0,
) -> Points:
    """Gen and Mem of equal norm 30 at `crossing` and logit 10; a seed's networks share half of the noise's variance."""
    generator = np.random.default_rng(seed)
    rows: list[tuple[float, float, float, bool, int]] = []
    for gen in (True, False):
        for one in range(seeds):
            shared = generator.normal() * noise
            for size in np.geomspace(*sizes, 6):
                logit = 10 * math.exp(generator.normal() * 0.5)
                norm = math.log(30) + exponents[not gen] * math.log(logit / 10) + shared + generator.normal() * noise
                rows.append((size, logit, math.exp(norm + (0 if gen else slope * math.log(size / crossing))), gen, one))
    size, logit, norm, gen, which = (np.array(column) for column in zip(*rows, strict=True))
    return Points(size=size, logit=logit, norm=norm, gen=gen, seed=which)


def test_without_noise_the_answer_is_exact() -> None:
    found = critical_size(made(noise=0.0, exponents=(0.4, 0.7)), at=10.0, draws=20)
    assert found.size.value == pytest.approx(600)
    assert found.size.low == pytest.approx(600)
    assert found.crosses == 1
    assert found.mem_slope.value == pytest.approx(0.3)
    assert found.gen_slope.value == pytest.approx(0, abs=1e-9)
    assert found.gen_exponent.value == pytest.approx(0.4)
    assert found.mem_exponent.value == pytest.approx(0.7)
    assert found.range == pytest.approx((200, 2000))
    for size, mem, gen in found.curves:
        assert gen == pytest.approx(30)
        assert mem == pytest.approx(30 * (size / 600) ** 0.3)


def test_with_different_exponents_the_answer_depends_on_the_logit() -> None:
    points = made(noise=0.0, exponents=(0.4, 0.7))
    # 30 (y/10)^0.4 = 30 (y/10)^0.7 (D/600)^0.3 at y = 15: D = 600 * 10 / 15.
    assert critical_size(points, at=15.0, draws=5).size.value == pytest.approx(400)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(30):
        found = critical_size(made(seed=seed, seeds=8, noise=0.05), at=10.0, draws=100).size
        assert found.low <= found.value <= found.high
        held += found.low <= 600 <= found.high
    assert 24 <= held <= 30


def test_seeds_are_drawn_whole() -> None:
    """Noise that a seed's networks share is seen: ten copies of each network leave the interval as it is."""
    points = made(noise=0.05)
    fields = ("size", "logit", "norm", "gen", "seed")
    copied = Points(**{name: np.repeat(getattr(points, name), 10) for name in fields})
    one, ten = critical_size(points, at=10.0), critical_size(copied, at=10.0)
    assert ten.size.value == pytest.approx(one.size.value)
    assert ten.size.low == pytest.approx(one.size.low)
    assert ten.size.high == pytest.approx(one.size.high)


def test_no_crossing_is_an_answer() -> None:
    above = critical_size(made(crossing=5000.0), at=10.0, draws=100)
    assert above.size.value == above.size.low == math.inf
    assert above.crosses == 0
    assert "no crossing in the range: Gen needs more norm than Mem between D = 200 and 2000" in above.sentence
    below = critical_size(made(crossing=20.0), at=10.0, draws=100)
    assert below.size.value == below.size.high == 0
    assert "Mem needs more norm than Gen" in below.sentence


def test_a_crossing_near_the_edge_has_an_open_interval() -> None:
    found = critical_size(made(crossing=1900.0, noise=0.1, seeds=5), at=10.0)
    assert 0 < found.crosses < 1
    assert found.size.high == math.inf
    assert "above 2000" in found.sentence


def test_a_mem_that_gets_cheaper_does_not_cross() -> None:
    found = critical_size(made(slope=-0.3), at=10.0, draws=50)
    assert not math.isfinite(found.size.value) or found.size.value == 0
    assert "no crossing" in found.sentence


def test_gen_at_one_size_has_no_slope_but_a_crossing() -> None:
    points = made(noise=0.0)
    size = np.where(points.gen, 1500.0, points.size)
    found = critical_size(
        Points(size=size, logit=points.logit, norm=points.norm, gen=points.gen, seed=points.seed), draws=10
    )
    assert math.isnan(found.gen_slope.value)
    assert found.size.value == pytest.approx(600)


def test_the_same_draws_every_time() -> None:
    assert critical_size(made(), draws=50).size == critical_size(made(), draws=50).size


def test_what_cannot_be_fitted() -> None:
    points = made()
    fields = {name: getattr(points, name) for name in ("size", "logit", "norm", "gen", "seed")}
    with pytest.raises(Mistake, match="logit must be positive, as its logarithm is fitted; leave out 1 of 120"):
        Points(**fields | {"logit": np.where(np.arange(120) == 3, -1.0, points.logit)})
    with pytest.raises(Mistake, match="one value a network"):
        Points(**fields | {"seed": np.arange(3)})
    with pytest.raises(Mistake, match="both kinds"):
        critical_size(Points(**fields | {"gen": np.ones(120, bool)}))
    with pytest.raises(Mistake, match="two sizes"):
        critical_size(Points(**fields | {"size": np.full(120, 300.0)}))
    with pytest.raises(Mistake, match="no logit is common"):
        critical_size(Points(**fields | {"logit": np.where(points.gen, 1e6 * points.logit, points.logit)}))
    with pytest.raises(Mistake, match="positive logit"):
        critical_size(points, at=0.0)
