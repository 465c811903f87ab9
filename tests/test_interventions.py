"""Changes in the middle of training: what they are, how they are said, and what is refused."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.settings import Settings
from groklab.training import Intervention, plan, with_parents
from groklab.training.plan import check
from intervened import CHANGES, DECAY, DOUBLED, KEYS, KICK, MEMORY, ORDER, STEPS, small


def test_the_run_without_its_change_is_its_reference_whatever_is_set() -> None:
    run = small(DOUBLED)
    assert run.reference == small()
    assert run.reference is not None
    assert run.reference.digest == small().digest != run.digest
    assert run.parents == (small(),)
    assert small().reference is None
    assert small().parents == ()
    started = dataclasses.replace(run, start=small(seed=4))
    assert started.parents == (small(seed=4), dataclasses.replace(small(), start=small(seed=4)))
    changed = run.replace({"weight_decay": 0.1, "steps": 80, "factor": 3.0})
    assert changed.reference == small(weight_decay=0.1, steps=80)
    assert changed.intervention == Intervention(change="keys", factor=3.0)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.sampled_from(CHANGES), st.sampled_from(["circuit formation", 0, 7, 59]))
def test_it_goes_to_json_and_back(intervention: Intervention, at: Any) -> None:
    run = small(dataclasses.replace(intervention, at=at))
    back = Settings.from_json(json.loads(json.dumps(run.to_json())))
    assert back == run
    assert back.digest == run.digest


@pytest.mark.parametrize(
    ("intervention", "words"),
    [
        (ORDER, "order of summation changed"),
        (DECAY, "weight decay off"),
        (Intervention(change="decay", factor=0.5), "weight decay times 0.5"),
        (MEMORY, "memory projected out"),
        (KEYS, "key frequencies of the embedding removed"),
        (DOUBLED, "key frequencies of the embedding times 2"),
        (KICK, "random change as large as with key frequencies of the embedding removed"),
    ],
)
def test_it_is_said_in_words(intervention: Intervention, words: str) -> None:
    assert intervention.words == words


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Intervention(change="keys", factor=-1), "intervention.factor must be 0 or more, not -1"),
        (lambda: Intervention(change="keys", factor=float("inf")), "Intervention.factor takes a number"),
        (lambda: Intervention(change="order", factor=2), "leave it at 0"),
        (lambda: Intervention(change="decay", control=True), "for changes of weights, memory and keys, not decay"),
        (lambda: Intervention(change="keys", at=-1), "must be a step from 0 on, or 'circuit formation', not -1"),
        (
            lambda: Intervention.from_json(KEYS.to_json() | {"at": "clean-up"}),
            "Intervention.at takes a whole number or one of circuit",
        ),
        (
            lambda: Intervention.from_json(KEYS.to_json() | {"change": "head"}),
            "Intervention.change takes one of order, decay, memory, keys",
        ),
        (lambda: small(Intervention(change="keys", at=STEPS)), "must be below the run's 60 steps, not 60"),
        (lambda: small(ORDER, d_mlp=0), "needs neurons to sum over"),
        (lambda: check([small(KEYS, operation="squares")]), "has no group, hence no key frequencies; give order or"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Any, said: str) -> None:
    with pytest.raises(Mistake) as refused:
        make()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_references_are_trained_once_and_before_their_forks_which_share_batches() -> None:
    runs = with_parents([small(one, seed=seed) for seed in (1, 2) for one in CHANGES])
    assert len(runs) == 2 * (1 + len(CHANGES))
    batches = plan(runs, largest=20)
    assert [len(batch.runs) for batch in batches] == [2, 2 * len(CHANGES)]
    assert all(run.intervention is None for run in batches[0].runs)
