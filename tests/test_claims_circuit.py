"""Claims about networks taken apart, and the simulation's: from kept files, by criteria that numbers decide."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuit_oracles import halves, task_of
from groklab.circuits.published import ROWS
from groklab.circuits.taking_apart import take_apart
from groklab.claims import circuit, kept_circuits, simulation
from groklab.claims.circuit import CLAIMS, Network, judge
from groklab.claims.evidence import evidence_of
from groklab.claims.places import places_in
from groklab.errors import Mistake, StoreError
from groklab.findings import Finding, Verdict
from groklab.models.closed_form import trigonometric_transformer
from groklab.store import provenance
from groklab.tasks import TaskSettings
from groklab.theory import claims as theory
from groklab.theory import judging
from groklab.training.settings import Run
from groklab.training.status import Status

ROOT = Path(__file__).parent.parent
PUBLISHED: Mapping[str, Sequence[float]] = {
    circuit.BEFORE: [2.41e-7],
    circuit.COSINES: [4.7e-8],
    circuit.RESIDUAL: [0.0054],
    circuit.SQUARED: [0.0054**2],
    circuit.DIRECTIONS: [0.932, 0.935, 0.968, 0.965, 0.97, 0.97, 0.964, 0.964, 0.974, 0.982],
    circuit.SCORES: [0.9903, 0.9849, 0.9907, 0.9791],
    circuit.NEURONS: [433 / 512],
    circuit.TERMS: [7.24e-8],
    circuit.SUMS: [5.55e-8],
    circuit.POLYNOMIALS: [2.48e-7],
    circuit.ON: [1.19e-7],
    circuit.OFF: [5.27],
    circuit.SINGLE: [2.0e-4, 4.6e-4, 1.9e-3, 5.2e-3, 2.4e-2],
    circuit.LINE: [2.12e-7],
    circuit.ZERO: [9.12e-7],
    circuit.MEAN: [7.25e-7],
    circuit.NO_HEADS: [24.3],
    circuit.NO_STREAM: [19.1],
}
"""The paper's own network."""
UNLIKE: dict[str, Sequence[float]] = {
    circuit.COSINES: [3e-7],
    circuit.RESIDUAL: [0.08],
    circuit.SQUARED: [0.0064],
    circuit.DIRECTIONS: [0.99, 0.89],
    circuit.SCORES: [0.99, 0.2],
    circuit.NEURONS: [0.74],
    circuit.TERMS: [2.5e-7],
    circuit.SUMS: [2.6e-7],
    circuit.POLYNOMIALS: [4.9e-7],
    circuit.ON: [2.42e-7],
    circuit.OFF: [4.7],
    circuit.SINGLE: [1.0, 2.4e-5],
    circuit.LINE: [4.9e-7],
    circuit.ZERO: [2.5e-6],
    circuit.MEAN: [2.5e-6],
    circuit.NO_HEADS: [4.6],
    circuit.NO_STREAM: [0.1],
}
"""Just not what is claimed, one number after the other."""
BETWEEN: Mapping[str, Sequence[float]] = {
    circuit.DIRECTIONS: [0.99, 0.51],
    circuit.SCORES: [0.99, 0.51],
    circuit.NEURONS: [0.51],
    circuit.POLYNOMIALS: [2.4e-5],
    circuit.SINGLE: [1.0, 2.42e-7],
    circuit.LINE: [2.4e-5],
    circuit.ZERO: [2.4e-5],
    circuit.MEAN: [2.4e-5],
}
"""Just not yet the contrary, where there is room between it and the claim."""
OPPOSITE = UNLIKE | {
    circuit.DIRECTIONS: [0.99, 0.49],
    circuit.SCORES: [0.99, 0.49],
    circuit.NEURONS: [0.49],
    circuit.POLYNOMIALS: [2.42e-5],
    circuit.SINGLE: [1.0, 2.41e-7],
    circuit.LINE: [2.42e-5],
    circuit.ZERO: [2.42e-5],
    circuit.MEAN: [2.42e-5],
}
"""Just the contrary; without such room it begins where the claim ends."""
CHANCE = float(np.log(113))


def network(**values: Any) -> Network:
    return Network(chance=CHANCE, values=dict(PUBLISHED) | values)


def by_name(found: Sequence[Finding]) -> dict[str, Finding]:
    return {one.claim.identifier.removeprefix("nanda.circuit-"): one for one in found}


def test_the_published_network_passes_by_every_criterion() -> None:
    found = judge([network()], "paper")
    assert [one.claim for one in found] == list(CLAIMS)
    assert {one.verdict for one in found} == {"reproduced"}
    assert {(one.scale, one.seeds) for one in found} == {("paper", 1)}


@pytest.mark.parametrize("name", UNLIKE)
def test_a_number_beyond_its_criterion_fails_its_claims_and_no_others(name: str) -> None:
    found = judge([network(**{name: UNLIKE[name]})], "paper")
    failed = {one.claim.identifier for one in found if one.verdict != "reproduced"}
    needing = {question.claim.identifier for question in circuit.QUESTIONS if name in question.needs}
    assert failed
    # The terms and the sums are compared with each other too, where lower terms are harder to beat.
    assert failed == needing - ({"nanda.circuit-keep-sums"} if name == circuit.TERMS else set())


@pytest.mark.parametrize("name", OPPOSITE)
def test_the_opposite_of_the_sentence_contradicts_it_and_nothing_between_does(name: str) -> None:
    opposite = network(**{name: OPPOSITE[name]})
    assert {one.verdict for one in judge([opposite], "paper")} == {"reproduced", "contradicted"}
    for values in (OPPOSITE, UNLIKE, BETWEEN):
        net = network(**{name: values.get(name, PUBLISHED[name])})
        assert not any(question.holds(net) and question.contrary(net) for question in circuit.QUESTIONS)
    if name in BETWEEN:
        found = judge([network(**{name: BETWEEN[name]})], "paper")
        assert {one.verdict for one in found} == {"reproduced", "not reproduced"}


def test_networks_count_one_by_one_and_those_without_a_part_do_not() -> None:
    bare = network(**{circuit.SCORES: []})
    found = by_name(judge([network()] * 3 + [bare, network(**{circuit.SCORES: [0.99, 0.2]})], "laptop"))
    heads = found["heads"]
    assert (heads.verdict, heads.value, heads.seeds) == ("partly", 0.75, 4)
    assert heads.sentence == "holds for 3 of 4 networks; least explained head: 97.9% in the median, 20% to 97.9%"
    assert found["mlp-off"].seeds == 5
    none = by_name(judge([bare], "laptop"))["heads"]
    assert (none.verdict, none.seeds) == ("not tested at this scale", 0)


def test_what_claims_look_at_is_what_circuits_measure() -> None:
    assert {name for question in circuit.QUESTIONS for name in question.needs} <= {row.what for row in ROWS}
    assert circuit.BEFORE in {row.what for row in ROWS}


@dataclass
class Opened:
    """A record of two networks in closed form."""

    path: Path
    ended: bool = True
    study: str = "nanda/seeds"
    scale: str = "laptop"
    runs: list[Run] = field(
        default_factory=lambda: [Run(task=TaskSettings(modulus=11), seed=seed, steps=10) for seed in (3, 4)]
    )

    @property
    def statuses(self) -> list[Status]:
        return [Status(state="finished" if self.ended else "running", step=10, sentence="") for _ in self.runs]

    @property
    def provenance(self) -> list[dict[str, Any]]:
        return [{"started": f"2025-01-0{day}T00:00:00+00:00", "versions": {"groklab": "0.1"}} for day in (2, 1)]

    def steps(self, run: int) -> list[int]:
        return [10]

    def model(self, run: int) -> Any:
        return trigonometric_transformer(11, {2: 9.0, 5: 7.0 + run})

    def task(self, run: int) -> Any:
        return task_of("add", 11)

    def split(self, run: int) -> Any:
        return halves(task_of("add", 11))


def test_networks_taken_apart_are_kept_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groklab.record.Record", Opened)
    file = kept_circuits.keep(tmp_path / "store", tmp_path / "nanda" / "circuit-laptop.json")
    opened, kept = Opened(tmp_path), kept_circuits.read(file)
    assert (kept.study, kept.scale, len(kept.networks)) == ("nanda/seeds", "laptop", 2)
    assert kept.digests == tuple(run.digest for run in opened.runs)
    apart = take_apart(opened.model(1), opened.task(1), opened.split(1))
    for row in ROWS:
        # A head whose scores are the same for all tokens has no frequency.
        known = [value for value in row.read(apart) if np.isfinite(value)]
        assert kept.networks[1].values[row.what] == pytest.approx(known, rel=1e-4), row.what
    assert kept.networks[1].chance == pytest.approx(np.log(11), rel=1e-5)
    assert (kept.task, kept.step, list(kept.sessions)) == ("add:11", 10, opened.provenance)
    assert kept.command.startswith("groklab run nanda/seeds --scale laptop  # the results were made with other")
    said, verdict = kept.shown[1], apart.verdict
    assert said is not None
    assert (said.seed, said.key, said.sentence, said.misfits) == (4, (2, 5), verdict.sentence, verdict.misfits)
    assert [tuple(line.values()) for line in said.lines] == [(x.name, x.standing, x.sentence) for x in verdict.lines]
    # Whoever takes the same networks apart again has the same sample.
    assert evidence_of(file).sessions is not None
    own = dataclasses.replace(opened, study="mine/sizes")
    monkeypatch.setattr("groklab.record.Record", lambda path: own)
    again = kept_circuits.read(kept_circuits.keep(tmp_path / "store", file))
    assert again.command == "groklab run mine/sizes --scale laptop"
    plain = json.loads(file.read_text())
    assert (plain["task"], plain["step"], [one["seed"] for one in plain["networks"]]) == ("add:11", 10, [3, 4])
    monkeypatch.setattr("groklab.record.Record", lambda path: Opened(path, ended=False))
    with pytest.raises(Mistake, match=r"not all runs of .* have ended; go on with the run first"):
        kept_circuits.keep(tmp_path / "store", file)


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    for name, read in (("circuit-laptop.json", kept_circuits.read), ("simulation.json", simulation.read)):
        place = tmp_path / name
        with pytest.raises(StoreError, match="cannot be read"):
            read(place)
        for words in ("{", "[]", '{"format": 1, "networks": [3], "findings": [{"identifier": "nobody.says"}]}'):
            place.write_text(words)
            with pytest.raises(StoreError, match="make it again or remove it"):
                read(place)
    (tmp_path / "circuit-laptop.json").write_text('{"format": 9}')
    with pytest.raises(StoreError, match="install a newer groklab"):
        kept_circuits.read(tmp_path / "circuit-laptop.json")


def test_what_the_simulation_found_is_kept_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        Finding(claim=claim, verdict="partly", sentence=f"so {number}", value=number / 3, scale="simulation")
        for number, claim in enumerate(theory.CLAIMS.values())
    ]
    monkeypatch.setattr(theory, "findings", lambda: tuple(made))
    file = simulation.keep(tmp_path / "varma" / "simulation.json")
    found = simulation.read(file)
    (session,) = simulation.sessions(file)
    assert session.keys() == provenance().keys()
    assert session["versions"] == provenance()["versions"]
    assert [one.claim for one in found] == list(theory.CLAIMS.values())
    for one, other in zip(found, made, strict=True):
        assert (one.verdict, one.sentence, one.scale) == (other.verdict, other.sentence, "simulation")
        assert one.value == pytest.approx(other.value)


def test_what_the_simulation_found_is_kept_anew_only_where_it_says_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "simulation.json"
    first, *others = theory.CLAIMS.values()

    def keep(verdict: Verdict, value: float, sentence: str, **words: bool) -> Finding:
        made = [Finding(claim=first, verdict=verdict, sentence=sentence, value=value, scale="simulation")]
        made += [Finding(claim=claim, verdict="not run", sentence="", scale="simulation") for claim in others]
        monkeypatch.setattr(theory, "findings", lambda: tuple(made))
        return simulation.read(simulation.keep(file, **words))[0]

    assert keep("partly", 0.5, "at step 12,345, within 9e-16 nats").value == 0.5
    before = file.read_bytes()
    keep("partly", 0.5 * (1 + 5e-7), "at step 12,345, within 7e-16 nats")
    assert file.read_bytes() == before
    file.write_text(json.dumps({"findings": json.loads(before)["findings"]}))
    assert simulation.sessions(file) == ()
    keep("partly", 0.5 * (1 + 5e-7), "at step 12,345, within 7e-16 nats")
    assert simulation.sessions(file)
    assert keep("partly", 0.5 * (1 + 5e-6), "at step 12,345, within 9e-16 nats").value == pytest.approx(0.5000025)
    assert keep("partly", 0.5000025, "at step 12,346, within 9e-16 nats").sentence.startswith("at step 12,346")
    assert keep("partly", 0.5, "from step 12,346 on").sentence == "from step 12,346 on"
    assert keep("reproduced", 0.5, "from step 12,346 on").verdict == "reproduced"
    before = file.read_bytes()
    with pytest.raises(Mistake, match=f"{first.identifier} was reproduced and is now partly: so it is; .*--accept"):
        keep("partly", 0.5, "so it is")
    assert file.read_bytes() == before
    assert keep("partly", 0.5, "so it is", accept=True).verdict == "partly"
    file.write_text("{")
    assert keep("not reproduced", 0.5, "so it is").verdict == "not reproduced"


def test_the_committed_files_are_evidence() -> None:
    files = [path for path in map(Path, places_in(ROOT / "results")) if path.suffix == ".json"]
    found = {one.study: one for one in map(evidence_of, files)}
    for study, claims in ((circuit.STUDY, CLAIMS), (simulation.STUDY, tuple(theory.CLAIMS.values()))):
        assert tuple(one.claim for one in found[study].findings) == claims
        assert found[study].data
    assert simulation.sessions(ROOT / "results" / "varma" / "simulation.json")[0]["versions"]["groklab"]


def test_the_committed_simulation_is_what_the_simulation_finds() -> None:
    kept = {one.claim: one for one in simulation.read(ROOT / "results" / "varma" / "simulation.json")}
    for found in (judging.grokking(), judging.equal_speeds()):
        assert kept[found.claim].verdict == found.verdict
        assert kept[found.claim].sentence == found.sentence
        assert kept[found.claim].value == pytest.approx(found.value)
