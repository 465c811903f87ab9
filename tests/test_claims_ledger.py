"""The ledger: every claim once, with all it must say, and how it stands at several scales."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from groklab.claims import Evidence, entries
from groklab.claims.ledger import GROUPS, answers, standing, title
from groklab.claims.places import places_in
from groklab.claims.planned import PLANNED
from groklab.errors import StoreError
from groklab.findings import Finding
from groklab.findings.claim import Verdict
from groklab.store.place import Place
from groklab.studies import catalogue
from groklab.theory.claims import CLAIMS as OF_SIMULATION


def test_every_claim_stands_in_one_place_and_says_all_it_must() -> None:
    every = entries()
    names = Counter(entry.claim.identifier for entry in every)
    assert [name for name, times in names.items() if times > 1] == [], "a study took its claims over from planned.py?"
    assert {claim.identifier for one in catalogue().values() for claim in one.claims} < set(names)
    assert set(OF_SIMULATION) < set(names)
    for entry in every:
        claim = entry.claim
        assert all((claim.source, claim.claim, claim.how, claim.criterion, entry.to_do)), claim.identifier
        assert claim.identifier.partition(".")[0] == entry.paper, claim.identifier
        assert claim.claim.endswith(".") or claim.claim.endswith(")."), claim.identifier


def test_a_study_and_the_file_of_planned_claims_define_nothing_twice() -> None:
    """A planned study that has come takes all of its claims over."""
    assert set(PLANNED) & set(catalogue()) == set()
    told = {claim.identifier for one in catalogue().values() for claim in one.claims}
    assert {claim.identifier for claims in PLANNED.values() for claim in claims} & told == set()


def test_papers_follow_each_other_and_have_titles() -> None:
    papers = list(dict.fromkeys(entry.paper for entry in entries()))
    assert papers == ["nanda", "varma", "forum"]
    assert title("nanda").startswith("Nanda et al. 2023, ")
    assert all(title(paper) != paper for paper in papers)


def evidence(name: str, verdict: Verdict, scale: str, study: str = "nanda/mainline") -> Evidence:
    claim = next(entry.claim for entry in entries() if entry.claim.identifier == name)
    finding = Finding(claim=claim, verdict=verdict, sentence="so it is", value=0.5, seeds=4, scale=scale)
    return Evidence(
        study=study,
        scale=scale,
        path=Path(f"{scale}.zip"),
        runs="r",
        sessions="s",
        data="d",
        count=4,
        ended=4,
        findings=(finding,),
    )


@pytest.mark.parametrize(
    ("laptop", "paper", "stands"),
    [
        ("reproduced", "contradicted", "contradicted"),
        ("not reproduced", "partly", "partly"),
        ("partly", "not run", "partly"),
        ("partly", "not tested at this scale", "partly"),
        ("not tested at this scale", "not run", "not run"),
    ],
)
def test_the_larger_scale_says_how_a_claim_stands(laptop: Verdict, paper: Verdict, stands: Verdict) -> None:
    name = "nanda.key-needed"
    found = answers([evidence(name, laptop, "laptop"), evidence(name, paper, "paper")])[name]
    assert [one.scale for one in found] == ["paper", "laptop"]
    assert standing(found) == stands


def test_what_no_evidence_speaks_of_was_not_run() -> None:
    found = answers([])
    assert set(found) == {entry.claim.identifier for entry in entries()}
    assert {standing(one) for one in found.values()} == {"not run"}
    assert found["nanda.key-needed"][0].sentence == "no result is kept; groklab run nanda/mainline"
    assert found["forum.basins-same"][0].sentence == "no result is kept; groklab run forum/basins"


def test_every_verdict_has_its_place_in_a_readers_order() -> None:
    from typing import get_args

    assert sorted(verdict for group in GROUPS.values() for verdict in group) == sorted(get_args(Verdict))


def test_evidence_is_found_by_its_name_without_anything_heavy(tmp_path: Path) -> None:
    for name in (
        "nanda/circuit-laptop.json",
        "nanda/a.zip",
        "varma/simulation.json",
        "performance.json",
        "claims.json",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = ["nanda/a.zip", "nanda/circuit-laptop.json", "varma/simulation.json"]
    assert places_in(tmp_path) == [Place.of(tmp_path / name) for name in names]
    assert places_in(tmp_path / "varma") == [Place.of(tmp_path / "varma/simulation.json")]
    (tmp_path / "varma/simulation.json").unlink()
    with pytest.raises(StoreError, match="holds no groklab store"):
        places_in(tmp_path / "varma")
    heavy = "import sys, groklab.claims.places; print({'numpy', 'xarray', 'jax'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
