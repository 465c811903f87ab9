"""Proxies of the strengths of Gen and Mem: on made-up records, and on networks side by side at known weights."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import groklab as gl
from fake_record import FakeRecord
from groklab.engines import preparing
from groklab.findings import Analysis
from groklab.measures import Labels, View, built_in
from groklab.measures.side_by_side import GENS, PROXIES, SHARES, UNITS, Said, side_by_side
from groklab.models import TransformerSettings
from groklab.studies import find
from groklab.studies.varma import _runs
from groklab.studies.varma._mixtures import MEMS, mixtures
from groklab.tasks import Split, SplitSettings, Task, TaskSettings
from groklab.training.settings import OptimiserSettings, Run, Schedule
from groklab.training.train_size import train_size
from made_up_record import Values, made_up

NAME = "varma/strength_proxy"
AXES = {"mem": list(MEMS), "gen": list(GENS), "unit": list(UNITS), "share": SHARES, "proxy": list(PROXIES)}
LARGEST = 1392


def mixed(paper: float, leads: float, raw: float = 0.0) -> FakeRecord:
    """Networks that memorise, in mixtures of which the proxies see so much more Gen than there is.

    `raw` is added to that of leads where networks are weighed by the label's logit. One Gen has it up, one down; on the
    most pairs it is three times as much, on all others a third. Seed 0 memorises nothing and is wholly wrong, seed 1
    diverged on the fewest pairs.
    """

    def values(run: Run) -> Values:
        shift = 0.01 * (run.seed - 2)
        largest = train_size(run) == LARGEST
        return {
            "train_accuracy": 0.5 if run.seed == 0 else 1.0,
            "gen_logit": 0.2 + shift,
            "mem_logit": 0.8 - shift,
            "gen_lead": 0.02 + shift + 0.06 * largest,
            "mem_lead": 0.98 - shift - 0.06 * largest,
        }

    record = made_up(NAME, values, seeds=4)
    strength = np.empty((len(record.runs), *map(len, AXES.values())))
    more = {"paper's": np.full(strength.shape[:-1], float(paper)), "leads": np.full(strength.shape[:-1], float(leads))}
    more["leads"][:, :, :, 0] += raw
    for number, run in enumerate(record.runs):
        assert isinstance(run, Run)
        more["leads"][number] *= 9 / 3 if train_size(run) == LARGEST else 1 / 3
        for both in more.values():
            both[number, :, 1] *= -1
            both[number, 1] = 7
            if run.seed == 0:
                both[number] = 0.9
    for place, both in ((0, more["paper's"]), (2, more["leads"])):
        strength[..., place] = 3 * (SHARES + both)
        strength[..., place + 1] = 3 * (1 - SHARES - both)
    record.together = xr.Dataset({"strength": (("run", *AXES), strength)}, AXES)
    lost = [run.seed == 1 and train_size(run) == 348 for run in record.runs if isinstance(run, Run)]
    statuses = [
        dataclasses.replace(status, state="diverged") if bad else status
        for status, bad in zip(record.statuses, lost, strict=True)
    ]
    return dataclasses.replace(record, statuses=tuple(statuses))


def analysed(record: FakeRecord) -> Analysis:
    analysis = find(NAME).analysis
    assert analysis is not None
    return analysis(record)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("paper", "leads", "raw", "verdicts"),
    [
        (0.2, 0.01, 0.0, ["reproduced", "reproduced"]),
        (0.2, -0.1, 0.0, ["reproduced", "contradicted"]),
        # In one unit of the three leads are worse.
        (0.1, 0.01, 0.2, ["contradicted", "contradicted"]),
        (0.02, -0.1, 0.0, ["contradicted", "contradicted"]),
    ],
)
def test_the_proxy_that_is_nearer_to_the_weights_wins(
    paper: float, leads: float, raw: float, verdicts: list[str]
) -> None:
    found = analysed(mixed(paper, leads, raw))
    assert [one.claim for one in found.findings] == list(find(NAME).claims)
    assert [one.verdict for one in found.findings] == ["reproduced", "not reproduced", *verdicts]
    # Intervals are over seeds, however many networks each has.
    assert [one.seeds for one in found.findings] == [3, 3, 3, 3]
    alone, beside, gap, error = (one.value for one in found.findings)
    # Seeds 1 to 3, shifted by -0.01 to 0.01; leads on the most pairs.
    assert (alone, beside) == (pytest.approx(0.2), pytest.approx(0.08))
    assert f"on {LARGEST:,} pairs" in found.findings[1].sentence
    off = abs(leads + raw) if raw else abs(leads)
    # Of four sizes one counts thrice and the others a third; the diverged run is one of the smallest of its seed.
    by_seed = [np.mean([3, 1 / 3, 1 / 3]), *2 * [np.mean([3, 1 / 3, 1 / 3, 1 / 3])]]
    assert gap == pytest.approx(abs(paper) - off * np.mean(by_seed))
    assert error == pytest.approx(3 * off)
    (chart,) = found.charts
    line = np.array(chart.series["leads, weighed by the margin"])
    # The two Gens' errors are as large and opposite.
    np.testing.assert_allclose(line, np.stack([SHARES, SHARES], axis=1), atol=1e-6)
    assert found.remarks[0].startswith("4 of 15 networks had not memorised")
    assert "is 1 (1 to 1) times its margin, that of a Gen of all frequencies 1 (1 to 1)" in found.remarks[-1]


def small(scale: str, seed: int) -> Run:
    return Run(
        task=TaskSettings(modulus=13),
        model=TransformerSettings(d_model=32, heads=2, d_mlp=64),
        optimiser=OptimiserSettings(learning_rate=5e-3),
        split=SplitSettings(fraction=0.5),
        seed=seed,
        logging=Schedule(every=50),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> gl.Record:
    """The study itself, small: eight networks that memorise."""
    few = {*find(NAME).reads, "train_loss", "test_loss", "test_accuracy", "sum_of_squares"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_runs, "setting", small)
        patch.setitem(_runs.MODULUS, "laptop", 13)
        patch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in few))
        return gl.run(find(NAME)("laptop", 2, steps=400), tmp_path_factory.mktemp("proxy") / "store")


def test_what_stands_side_by_side_is_measured_and_kept(trained: gl.Record, tmp_path: Path) -> None:
    derived = trained.derived()["strength"]
    assert derived.sizes == {"run": 8, "mem": 2, "gen": 2, "unit": 3, "share": 5, "proxy": 4}
    measured = trained.metrics().isel(step=-1)
    for one, other in (("gen_logit", "mem_logit"), ("gen_lead", "mem_lead")):
        at = derived.isel(gen=0, unit=2).sel
        # Mem alone is what was measured of it, up to its unit.
        mem = at(mem="trained", share=0)
        ratio = (mem.sel(proxy=one) / mem.sel(proxy=other)).values
        np.testing.assert_allclose(ratio, (measured[one] / measured[other]).values, rtol=2e-3)
        # Gen alone is all Gen to both proxies, exactly where it has all frequencies.
        gen = at(mem="trained", share=1)
        np.testing.assert_allclose(gen.sel(proxy=other), 0, atol=1e-4)
    by_five = derived.isel(gen=1, unit=2).sel(mem="trained", share=1)
    assert (abs(by_five.sel(proxy="mem_logit")) < 0.2 * by_five.sel(proxy="gen_logit")).all()
    assert (abs(by_five.sel(proxy="mem_lead")) < 0.2 * by_five.sel(proxy="gen_lead")).all()
    kept = gl.open(trained.keep(tmp_path / "kept.zip"))
    xr.testing.assert_identical(kept.derived(), trained.derived())
    assert kept.analysis().findings == trained.analysis().findings
    assert "not tested at this scale" not in {one.verdict for one in trained.findings()}


def test_a_lookup_table_has_nothing_of_gen_and_the_papers_proxy_sees_its_share_of_the_pairs(trained: gl.Record) -> None:
    table = trained.derived()["strength"].sel(mem="lookup table", share=0, gen="all frequencies")
    sizes = trained.metrics()["train_size"].values[:, None]
    by_paper = table.sel(proxy="gen_logit") / (table.sel(proxy="gen_logit") + table.sel(proxy="mem_logit"))
    np.testing.assert_allclose(by_paper, np.broadcast_to(sizes / 13**2 * (1 - 1 / 13), (8, 3)), rtol=1e-3)
    np.testing.assert_allclose(table.sel(proxy="gen_lead"), 0, atol=1e-6)
    assert (table.sel(proxy="mem_lead") > 0.9).all()


def test_a_weight_is_how_much_a_network_says_by_its_unit(trained: gl.Record) -> None:
    task, split = trained.task(3), trained.split(3)
    data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
    own = np.arange(13) == split.labels[split.train_mask][:, None]
    said = {
        "label's logit": lambda logits: np.mean(logits[own]),
        "lead over all others": lambda logits: np.mean(logits[own]) - np.mean(logits[~own]),
        "margin": lambda logits: np.mean(logits[own] - np.where(own, -np.inf, logits).max(axis=1)),
    }
    network = trained.model(3)
    for made in GENS.values():
        mem, gen = (Said(View(one, task, data).logits[:, :13], network, task, data) for one in (network, made(13, 0)))
        for name, unit in UNITS.items():
            for share, of in ((0.0, mem), (1.0, gen)):
                logits = np.asarray(side_by_side(mem, gen, unit, jnp.asarray(share)).logits)[split.train_mask]
                assert said[name](logits) == pytest.approx(1, abs=1e-4)
                assert said[name](np.asarray(of.logits)[split.train_mask]) == pytest.approx(float(unit(of)), rel=1e-4)
        # The first two are linear in the logits, so that a mixture says as much as its parts.
        mixed = np.asarray(side_by_side(mem, gen, UNITS["lead over all others"], jnp.asarray(0.3)).logits)
        assert said["lead over all others"](mixed[split.train_mask]) == pytest.approx(1, abs=1e-4)


def test_nothing_stands_beside_what_is_no_addition_or_has_too_few_frequencies(trained: gl.Record) -> None:
    class Other:
        def __init__(self, **changes: object) -> None:
            self.runs = tuple(run.replace(changes) for run in trained.runs)
            self.statuses = trained.statuses
            self.model = trained.model

        def task(self, run: int) -> Task:
            return Task.of(self.runs[run].table)

        def split(self, run: int) -> Split:
            return Split.of(self.task(run), self.runs[run].split, self.runs[run].data_seed)

    for changes in ({"operation": "multiply"}, {"modulus": 7, "size": 20}):
        assert np.isnan(mixtures(Other(**changes))["strength"].values).all()  # type: ignore[arg-type]
