"""Findings: verdicts by rule, and numbers in words."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import groklab as gl
from fake_study import GROKS, LOSS, NAME, STEPS, experiment, known, store  # noqa: F401
from groklab.findings import Finding, by_interval, by_seeds, not_run, untested
from groklab.findings.provenance import system
from groklab.findings.words import duration, markdown, measured, number, short, words
from groklab.studies import Experiment, catalogue


@pytest.mark.parametrize(
    ("holds", "contrary", "verdict"),
    [
        ("1111111100", None, "reproduced"),
        ("1111111000", None, "partly"),
        ("1111100000", None, "partly"),
        ("1111000000", None, "not reproduced"),
        ("0000000000", None, "not reproduced"),
        ("0000000000", "1111111100", "contradicted"),
        ("1100000000", "0011111111", "contradicted"),
        ("1000000000", "0111111100", "not reproduced"),
    ],
)
def test_a_verdict_by_seeds(holds: str, contrary: str | None, verdict: str) -> None:
    against = None if contrary is None else np.array([bit == "1" for bit in contrary])
    found = by_seeds(GROKS, np.array([bit == "1" for bit in holds]), scale="laptop", sentence="s", contrary=against)
    assert (found.verdict, found.value, found.seeds) == (verdict, holds.count("1") / 10, 10)


def test_the_interval_of_a_share_is_that_of_clopper_and_pearson() -> None:
    from scipy.stats import beta

    found = by_seeds(GROKS, np.array([True] * 7 + [False] * 3), scale="laptop", sentence="s")
    assert (found.low, found.high) == pytest.approx((beta.ppf(0.025, 7, 4), beta.ppf(0.975, 8, 3)))


@pytest.mark.parametrize(
    ("value", "interval", "verdict"),
    [
        (5.0, (4.0, 6.0), "reproduced"),
        (5.0, (4.0, 10.0), "reproduced"),
        (5.0, (2.5, 6.0), "partly"),
        (5.0, (1.5, 6.0), "not reproduced"),
        (12.0, (9.0, 13.0), "not reproduced"),
        (1.0, (0.5, 1.5), "contradicted"),
        (1.0, (0.5, 2.5), "not reproduced"),
        (float("nan"), (0.0, 1.0), "not tested at this scale"),
        (1.0, (float("nan"), 1.0), "not tested at this scale"),
    ],
)
def test_a_verdict_by_interval(value: float, interval: tuple[float, float], verdict: str) -> None:
    found = by_interval(
        LOSS, value, interval, allowed=(3, 10), contrary=[(0, 2)], units="nats", seeds=4, scale="laptop", sentence="s"
    )
    assert found.verdict == verdict


def test_the_contrary_may_lie_on_both_sides() -> None:
    def verdict(low: float, high: float) -> str:
        both = [(0.0, 2.0), (10.0, 20.0)]
        numbers = {"units": "nats", "seeds": 4, "scale": "laptop", "sentence": "s"}
        return by_interval(LOSS, 5.0, (low, high), allowed=(3, 8), contrary=both, **numbers).verdict  # type: ignore[arg-type]

    wanted = {(2.5, 9.0): "partly", (1.5, 6.0): "not reproduced", (4.0, 11.0): "not reproduced"}
    assert {one: verdict(*one) for one in wanted} == wanted
    assert verdict(0.5, 1.5) == verdict(11.0, 12.0) == "contradicted"


def test_what_chance_gives_too_is_not_partly_reproduced() -> None:
    few, many = (np.arange(count) < 0.6 * count for count in (10, 200))
    found = [by_seeds(GROKS, one, scale="laptop", sentence="s", chance=0.5).verdict for one in (few, many)]
    assert found == ["not reproduced", "partly"]


def test_no_networks_test_nothing() -> None:
    found = by_seeds(GROKS, np.array([], dtype=bool), scale="paper", sentence="s")
    assert (found.verdict, found.seeds) == ("not tested at this scale", 0)
    nan = float("nan")
    number = by_interval(LOSS, nan, (nan, nan), allowed=(3, 10), units="nats", seeds=0, scale="paper", sentence="of 0")
    assert number.sentence == found.sentence == "no networks here are of the kind that it speaks of"
    assert untested(GROKS, scale="paper", sentence="s").verdict == "not tested at this scale"
    assert not_run(GROKS, scale="paper", sentence="s").verdict == "not run"


def test_a_finding_as_one_flat_object() -> None:
    assert by_seeds(GROKS, np.array([True]), scale="laptop", sentence="s", of="moduli").units == "share of moduli"
    plain = by_seeds(GROKS, np.array([True]), scale="laptop", sentence="one of one").to_json()
    assert plain["identifier"] == "fake.groks"
    assert plain["claim"] == GROKS.claim
    assert (plain["verdict"], plain["seeds"], plain["sentence"]) == ("reproduced", 1, "one of one")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (-3.0, "-3"),
        (12_000, "12,000"),
        (12_345.678, "12,346"),
        (0.5, "0.5"),
        (0.93123, "0.9312"),
        (0.99999, "1.0000"),
        (1.25e-7, "1.2e-7"),
        (1e7, "1e7"),
        (2e30, "2e30"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_have_the_digits_they_deserve(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.99949, "0.999"),
        (1084.2, "1,080"),
        (-559_123, "-559,000"),
        (5.381e7, "5.38e7"),
        (1.234e-5, "1.23e-5"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_numbers_of_sentences_have_three_digits(value: float, said: str) -> None:
    assert short(value) == said


@pytest.mark.parametrize(
    ("value", "low", "high", "units", "said"),
    [
        (0.95, 0.7512, 1.0, "share of networks", "0.95 [0.75, 1.00] share of networks"),
        (4123.4, 3800.2, 4500.7, "steps", "4,123 [3,800, 4,501] steps"),
        (1e-7, 3e-8, 4e-7, "nats", "1e-7 [3e-8, 4e-7] nats"),
        (1.0, 1.0, 1.0, "1", "1 [1, 1]"),
        (2.0, float("-inf"), 3.0, "1", "2 [-inf, 3]"),
        (5.0, None, None, "steps", "5 steps"),
        (None, None, None, "steps", ""),
    ],
)
def test_an_interval_sets_the_digits(
    value: float | None, low: float | None, high: float | None, units: str, said: str
) -> None:
    found = Finding(claim=GROKS, verdict="partly", sentence="", value=value, low=low, high=high, units=units)
    assert measured(found) == said


def test_cells_and_tables() -> None:
    assert [words(cell) for cell in (None, float("nan"), "a | b", 1234, 0.25)] == ["-", "-", "a | b", "1,234", "0.25"]
    assert markdown(("a", "b"), [("1 | 2", "two\nlines")]) == "| a | b |\n| --- | --- |\n| 1 \\| 2 | two lines |\n"


@pytest.mark.usefixtures("known")
def test_a_record_gives_what_its_study_finds(tmp_path: Path) -> None:
    groks, loss = gl.open(store(tmp_path / "store")).findings()
    assert (groks.verdict, groks.value, groks.seeds, groks.scale) == ("reproduced", 1.0, 3, "laptop")
    lasts = np.exp(-np.array([300, 100, 300]) / 20) + 1e-6 * np.array([1, 2, 3])
    assert loss.value == pytest.approx(lasts.mean(), rel=1e-6)
    assert loss.verdict == "not reproduced"


def test_what_was_not_measured_is_not_judged(known: Experiment, tmp_path: Path) -> None:  # noqa: F811
    for record, said in (
        (gl.open(store(tmp_path / "a", ended=0)), "only 0 of 3 runs have ended; go on with the run"),
        (gl.open(store(tmp_path / "b", ended=2)), "only 2 of 3 runs have ended; go on with the run"),
        (gl.open(store(tmp_path / "c", variables=["test_loss"])), "not measured: test_accuracy"),
    ):
        found = record.findings()
        assert [finding.verdict for finding in found] == ["not run", "not run"]
        assert found[0].sentence == said
    assert known.reads == ("test_loss", "test_accuracy")


def test_an_unknown_study_and_one_without_analysis_find_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gl.open(store(tmp_path / "mine", study="mine/sizes")).findings() == ()
    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), analysis=None))
    record = gl.open(store(tmp_path / "fake"))
    assert record.findings() == ()
    assert record.analysis().tables == ()


def test_claims_are_told_apart_and_say_all_they_must() -> None:
    claims = [claim for entry in catalogue().values() for claim in entry.claims]
    assert [name for name, times in Counter(claim.identifier for claim in claims).items() if times > 1] == []
    for claim in claims:
        assert all((claim.source, claim.claim, claim.how, claim.criterion)), claim.identifier
        assert claim.published is None or claim.published


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3_661, "1:01:01")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("platform", "told"),
    [
        ("Linux-6.1.0-9-amd64-x86_64-with-glibc2.36", "Linux, x86_64, glibc 2.36"),
        ("Linux-5.15.90.1-microsoft-standard-WSL2-x86_64-with-glibc2.35", "Linux, x86_64, glibc 2.35"),
        ("Linux-6.6.32-0-lts-aarch64-with-musl1.2.5", "Linux, aarch64, musl 1.2.5"),
        ("Linux-6.6.32-0-lts-aarch64-with", "Linux, aarch64"),
        ("macOS-14.5-arm64-arm-64bit", "macOS 14.5, arm64"),
        ("macOS-15.1-arm64-arm-64bit-Mach-O", "macOS 15.1, arm64"),
        ("macOS-13.6.7-x86_64-i386-64bit", "macOS 13.6.7, x86_64"),
        ("Windows-10-10.0.19045-SP0", "Windows 10"),
        ("Windows-2022Server-10.0.20348-SP0", "Windows 2022Server"),
        ("FreeBSD-14.0-RELEASE-amd64-64bit-ELF", "FreeBSD-14.0-RELEASE-amd64-64bit-ELF"),
        ("Linux", "Linux"),
        ("", ""),
    ],
)
def test_a_system_is_told_without_its_kernels_build(platform: str, told: str) -> None:
    assert system(platform) == told
