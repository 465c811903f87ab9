"""Settings: to JSON and back, digests, replacing by name, differences, and every refusal."""

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.models import MLPSettings, TransformerSettings
from groklab.settings import LATER, Settings, differences
from groklab.studies.nanda.mainline import setting
from groklab.studies.varma.hysteresis import hysteresis
from groklab.tasks import SplitSettings, TaskSettings
from groklab.training import OptimiserSettings, Run, Schedule, StopSettings

quick = settings(max_examples=40, deadline=None, derandomize=True)


def numbers(low: float, high: float, **more: Any) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, **more)


def whole(low: int, high: int = 10**6) -> st.SearchStrategy[int]:
    return st.integers(low, high)


seeds = whole(0, 2**32 - 1)
schedules = st.builds(Schedule, every=whole(1), growth=numbers(1, 9))
splits = st.one_of(
    st.builds(SplitSettings, fraction=numbers(0, 1, exclude_min=True), noise=numbers(0, 0.9)),
    st.builds(SplitSettings, size=whole(1), seed=st.none() | seeds, held_out=numbers(0, 0.9)),
    st.builds(
        SplitSettings,
        indices=st.lists(whole(0), min_size=1, max_size=5),
        labels=st.sampled_from(["true", "random"]),
    ),
)
models = st.one_of(
    st.builds(
        TransformerSettings,
        layers=whole(1, 3),
        d_model=whole(1, 64),
        d_head=whole(1, 64),
        d_mlp=whole(0, 64),
        activation=st.sampled_from(["relu", "gelu"]),
        layer_norm=st.booleans(),
        classes=st.none() | whole(1, 200),
        init_scale=numbers(0, 4),
    ),
    st.builds(MLPSettings, d_embed=whole(1, 64), biases=st.booleans(), shared_embedding=st.booleans()),
)
optimisers = st.builds(
    OptimiserSettings,
    name=st.sampled_from(["adamw", "adam", "sgd"]),
    learning_rate=numbers(0, 1),
    weight_decay=numbers(0, 5) | whole(0, 5),
    beta1=numbers(0, 1, exclude_max=True),
    warmup=whole(0, 50),
    l1=numbers(0, 1),
)


def runs(model: TransformerSettings | MLPSettings, start: st.SearchStrategy[Run | None]) -> Any:
    return st.builds(
        Run,
        task=st.builds(TaskSettings, operation=st.sampled_from(["add", "divide"]), modulus=whole(2, 200)),
        split=splits,
        model=st.just(model),
        optimiser=optimisers,
        loss=st.sampled_from(["margin", "log_softmax"]),
        batch_size=st.none() | whole(1),
        dropout=numbers(0, 1, exclude_max=True),
        seed=seeds,
        steps=whole(0),
        start=start,
        logging=schedules,
        checkpoints=schedules,
        stop=st.builds(
            StopSettings,
            converged=st.booleans(),
            after_grokking=st.none() | st.integers(0, 9),
            seconds=st.none() | numbers(0.1, 9),
        ),
    )


any_run = models.flatmap(lambda model: runs(model, st.none() | runs(model, st.none())))


@quick
@given(any_run)
def test_json_gives_the_same_settings_back(run: Run) -> None:
    back = Settings.from_json(json.loads(json.dumps(run.to_json(), allow_nan=False)))
    assert back == run
    assert isinstance(back, Run)
    assert back.digest == run.digest
    assert hash(back) == hash(run)
    assert differences(run, back) == []


@quick
@given(any_run, any_run)
def test_two_settings_are_equal_as_their_digests_are_and_as_their_differences_say(one: Run, two: Run) -> None:
    assert (one == two) == (one.digest == two.digest) == (differences(one, two) == [])


OTHER: dict[str, Any] = {
    "task.operation": "subtract",
    "task.modulus": 7,
    "task.layout": "a op b =",
    "split.fraction": 0.5,
    "split.size": None,
    "split.indices": None,
    "split.seed": 3,
    "split.labels": "random",
    "split.noise": 0.25,
    "split.held_out": 0.25,
    "model.layers": 2,
    "model.d_model": 64,
    "model.heads": 2,
    "model.d_head": 5,
    "model.d_mlp": 0,
    "model.activation": "gelu",
    "model.layer_norm": True,
    "model.attention_biases": True,
    "model.mlp_biases": False,
    "model.unembedding_bias": True,
    "model.classes": 113,
    "model.init_scale": 0.5,
    "optimiser.name": "sgd",
    "optimiser.learning_rate": 0.1,
    "optimiser.weight_decay": 0.1,
    "optimiser.beta1": 0.5,
    "optimiser.beta2": 0.5,
    "optimiser.eps": 0.5,
    "optimiser.momentum": 0.5,
    "optimiser.warmup": 0,
    "optimiser.cooldown": 3,
    "optimiser.l1": 0.5,
    "loss": "log_softmax",
    "batch_size": 5,
    "dropout": 0.5,
    "seed": 1,
    "steps": 10,
    "start": None,
    "logging.every": 7,
    "logging.growth": 3,
    "checkpoints.every": 7,
    "checkpoints.growth": 3,
    "stop.converged": True,
    "stop.window": 7,
    "stop.tolerance": 0.5,
    "stop.after_grokking": 3,
    "stop.seconds": 3,
    "key_frequencies": "1 2",
    "extra_measures": ("learning_coefficient",),
    "intervention": None,
}
BY_ITSELF = [path for path in OTHER if path not in ("split.size", "split.indices", "start", "intervention")]


def test_every_field_of_a_run_is_in_the_table_above() -> None:
    assert list(Run().flat()) == list(OTHER)


@pytest.mark.parametrize("path", BY_ITSELF)
def test_any_one_field_changes_the_digest_and_is_named_as_the_difference(path: str) -> None:
    changed = Run().replace({path: OTHER[path]})
    assert changed.digest != Run().digest
    assert changed.flat()[path] == OTHER[path]
    before, after = Run().flat()[path], changed.flat()[path]
    assert differences(Run(), changed) == [f"{path}: {before!r} -> {after!r}"]


def test_a_start_is_a_difference_field_by_field() -> None:
    child = Run(start=Run(seed=4))
    assert child.digest != Run().digest != Run(start=Run(seed=5)).digest != child.digest
    assert differences(Run(start=Run(seed=5)), child) == ["start.seed: 5 -> 4"]
    lines = differences(Run(), child)
    assert "start: None -> absent" in lines
    assert "start.seed: absent -> 4" in lines


def test_a_digest_is_the_same_in_every_process_and_version() -> None:
    text = b'{"every":100,"growth":1.25,"kind":"Schedule"}'
    assert Schedule().digest == hashlib.sha256(text).hexdigest()[:16]
    assert Schedule(growth=2).digest == Schedule(growth=2.0).digest


def test_the_digests_of_runs_that_stores_hold_have_not_changed() -> None:
    laptop, paper = setting("laptop", 8), setting("paper", 0)
    runs = (Run(), Run(start=Run(seed=5)), laptop, paper, hysteresis("laptop", 1).runs[1])
    digests = ["219e23fdfcf12cb3", "39380f6db1c78212", "5afe7bc0324fbba1", "e0cb5dd267c4edfc", "0ac27834de092184"]
    assert [run.digest for run in runs] == digests


@dataclass(frozen=True, kw_only=True)
class Grown(Settings):
    old: int = 1
    new: int | None = field(default=None, metadata=LATER)


def test_a_field_that_came_later_is_there_only_where_it_says_something() -> None:
    before = hashlib.sha256(b'{"kind":"Grown","old":1}').hexdigest()[:16]
    assert Grown().digest == before != Grown(new=0).digest != Grown(new=2).digest
    assert Grown(new=0).to_json() == {"kind": "Grown", "old": 1, "new": 0}
    for one in (Grown(old=3), Grown(new=2)):
        assert Settings.from_json(one.to_json()) == one
        assert one.flat() == {"old": one.old, "new": one.new}
    assert Grown().flat(whole=False) == {"old": 1}
    assert Grown(new=2).flat(whole=False) == {"old": 1, "new": 2}
    assert differences(Grown(), Grown(new=2)) == ["new: None -> 2"]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("weight_decay", "optimiser.weight_decay"),
        ("optimiser.weight_decay", "optimiser.weight_decay"),
        ("modulus", "task.modulus"),
        ("seed", "seed"),  # Of two, the one that stands at the top.
        ("split.seed", "split.seed"),
        ("start", "start"),
    ],
)
def test_names_in_full_and_in_short(path: str, meant: str) -> None:
    assert Run().resolve(path) == meant
    assert Run(start=Run()).resolve(path if path != "start" else "start.start") == (
        meant if path != "start" else "start.start"
    )


def test_an_ambiguous_name_lists_what_it_could_be() -> None:
    with pytest.raises(Mistake, match=r"'every' could be any of logging\.every, checkpoints\.every"):
        Run().replace({"every": 3})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("wieght_decay", "no field is called 'wieght_decay'; did you mean weight_decay?"),
        ("optimizer.lerning_rate", "did you mean optimiser.learning_rate"),
        ("zzz", "no field is called 'zzz'; known: activation, "),
        ("model", "no field is called 'model'"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(path: str, said: str) -> None:
    for ask in (Run().resolve, lambda path: Run().replace({path: 1}), lambda path: Run().parse(path, "1")):
        with pytest.raises(Mistake) as refused:
            ask(path)
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)


def test_fields_are_replaced_all_at_once() -> None:
    with pytest.raises(Mistake, match="fraction and size given"):
        Run().replace({"split.size": 20})
    changed = Run().replace({"size": 20, "split.fraction": None, "d_model": 12, "heads": 3})
    assert (changed.split.size, changed.split.fraction) == (20, None)
    assert (changed.model.d_model, changed.model.heads) == (12, 3)  # type: ignore[union-attr]
    assert changed.split.noise == Run().split.noise
    assert Run().replace({}) == Run()
    assert Run(start=Run()).replace({"start.seed": 3, "seed": 4}) == Run(start=Run(seed=3), seed=4)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("learning_rate", "1e-2", 0.01),
        ("learning_rate", "2", 2.0),
        ("steps", "300", 300),
        ("layer_norm", "true", True),
        ("activation", "gelu", "gelu"),
        ("task.layout", "a op b =", "a op b ="),
        ("split.fraction", "null", None),
        ("split.indices", "[3, 1]", (3, 1)),
        ("operation", "5", "5"),
        ("operation", "null", "null"),
        ("operation", '"add"', "add"),
        ("stop.seconds", "3", 3.0),
    ],
)
def test_values_are_read_by_their_fields_type(path: str, text: str, value: object) -> None:
    found = Run().parse(path, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("path", "text", "accepted"),
    [
        ("learning_rate", "fast", "a number"),
        ("learning_rate", "true", "a number"),
        ("learning_rate", "", "a number"),
        ("learning_rate", "NaN", "a number"),
        ("weight_decay", "Infinity", "a number"),
        ("weight_decay", "1e999", "a number"),
        ("weight_decay", "1" + 400 * "0", "a number"),
        ("steps", "1" * 5000, "a whole number"),
        ("steps", "2.5", "a whole number"),
        ("steps", "1e3", "a whole number"),
        ("steps", "true", "a whole number"),
        ("steps", "null", "a whole number"),
        ("layer_norm", "1", "true or false"),
        ("activation", "tanh", "one of relu, gelu"),
        ("batch_size", "many", "a whole number or null"),
        ("split.indices", "[1, 2.5]", "a list, each a whole number or null"),
        ("split.indices", "3", "a list, each a whole number or null"),
    ],
)
def test_a_value_of_the_wrong_type_names_what_is_taken(path: str, text: str, accepted: str) -> None:
    with pytest.raises(Mistake) as refused:
        Run().parse(path, text)
    assert str(refused.value).startswith(f"{path}={text}: ")
    assert f"takes {accepted}, not {text!r}" in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("learning_rate", "fast", "OptimiserSettings.learning_rate takes a number, not 'fast'"),
        ("learning_rate", math.nan, "OptimiserSettings.learning_rate takes a number, not nan"),
        ("init_scale", math.inf, "TransformerSettings.init_scale takes a number, not inf"),
        ("steps", 2.5, "Run.steps takes a whole number, not 2.5"),
        ("layer_norm", 1, "TransformerSettings.layer_norm takes true or false, not 1"),
        ("loss", "mse", "Run.loss takes one of margin, log_softmax, not 'mse'"),
        ("start", TaskSettings(), "Run.start takes Run or null, not"),
    ],
)
def test_a_field_refuses_another_type(path: str, value: object, said: str) -> None:
    with pytest.raises(Mistake) as refused:
        Run().replace({path: value})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"kind": "Rnu"}, "no kind of settings is called 'Rnu'; did you mean Run?"),
        ({}, "no kind of settings is called 'None'"),
        ({"kind": "Schedule", "evry": 3}, "no field of Schedule is called 'evry'; did you mean every?"),
        ({"kind": "Schedule", "every": "3"}, "Schedule.every takes a whole number, not '3'"),
    ],
)
def test_json_that_is_no_settings(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(Mistake) as refused:
        Settings.from_json(plain)
    assert said in str(refused.value)


def _refusals() -> list[tuple[type[Settings], dict[str, Any], str]]:
    transformer, mlp, rate = TransformerSettings, MLPSettings, OptimiserSettings
    return [
        *((transformer, {name: 0}, f"model.{name} must be at least 1, not 0") for name in ("layers", "heads")),
        *((transformer, {name: -1}, f"model.{name} must be at least 1") for name in ("d_model", "d_head")),
        (transformer, {"d_head": 0}, "model.d_head must be at least 1, not 0"),
        (transformer, {"classes": 0}, "model.classes must be at least 1, not 0"),
        (transformer, {"d_mlp": -1}, "model.d_mlp must be 0 (attention only) or more, not -1"),
        (transformer, {"d_model": 10}, "model.d_model 10 is no multiple of model.heads 4"),
        *((mlp, {name: 0}, f"model.{name} must be at least 1, not 0") for name in ("d_embed", "d_mlp", "classes")),
        *(
            (rate, {name: -1}, f"optimiser.{name} must be 0 or more, and not beyond a float32's range, not -1")
            for name in ("learning_rate", "weight_decay", "eps", "l1", "warmup", "cooldown")
        ),
        *(
            (rate, {name: value}, f"optimiser.{name} must be at least 0 and below 1, not {value}")
            for name in ("beta1", "beta2", "momentum")
            for value in (-0.5, 1.0)
        ),
        (Schedule, {"every": 0}, "a schedule's every must be at least 1, not 0"),
        (Schedule, {"growth": 0.5}, "a schedule's growth must be at least 1, not 0.5"),
        (StopSettings, {"window": 0}, "a window of at least 1 step"),
        (StopSettings, {"tolerance": 0}, "a tolerance above 0"),
        (StopSettings, {"seconds": 0}, "stop.seconds must be above 0, not 0"),
        (Run, {"steps": -1}, "steps must be from 0 to 2^31 - 1, not -1"),
        (Run, {"steps": 2**31}, "steps must be from 0 to 2^31 - 1"),
        (Run, {"steps": 2**30, "logging": Schedule(every=1)}, "raise it to 1074 or more"),
        (Run, {"seed": -1}, "seed must be from 0 to 2^32 - 1, not -1"),
        (Run, {"seed": 2**32}, "seed must be from 0 to 2^32 - 1, not 4294967296"),
        (Run, {"batch_size": 0}, "batch_size must be at least 1, not 0"),
        (Run, {"dropout": -0.1}, "dropout must be at least 0 and below 1, not -0.1"),
        (Run, {"dropout": 1.0}, "dropout must be at least 0 and below 1, not 1.0"),
        (Run, {"start": Run(model=MLPSettings())}, "a run can start only from a run of the same model"),
        (SplitSettings, {}, "exactly one of fraction, size and indices; none given"),
        (SplitSettings, {"size": 1, "indices": [1]}, "size and indices given"),
        (SplitSettings, {"fraction": 0.0}, "split.fraction must be above 0 and at most 1, not 0.0"),
        (SplitSettings, {"fraction": 1.5}, "split.fraction must be above 0 and at most 1, not 1.5"),
        (SplitSettings, {"size": 0}, "split.size is 0: an empty training set"),
        (SplitSettings, {"indices": []}, "split.indices is empty"),
        (SplitSettings, {"size": 1, "noise": 1.0}, "split.noise must be at least 0 and below 1, not 1.0"),
        (SplitSettings, {"size": 1, "held_out": -0.1}, "split.held_out must be at least 0 and below 1"),
        (TaskSettings, {"modulus": "7"}, "TaskSettings.modulus takes a whole number, not '7'"),
        (TaskSettings, {"layout": "ab="}, "TaskSettings.layout takes one of a b =, a op b =, not 'ab='"),
    ]


@pytest.mark.parametrize(("kind", "fields", "said"), _refusals())
def test_what_settings_refuse(kind: type[Settings], fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Mistake) as refused:
        kind(**fields)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@quick
@given(every=whole(1, 300), growth=numbers(1, 4) | st.sampled_from([1.0, 1.25, 1.5, 2.0]), total=whole(0, 5000))
def test_a_schedule_has_both_ends_thins_out_and_never_leaves_a_gap_above_every(
    every: int, growth: float, total: int
) -> None:
    steps = Schedule(every=every, growth=growth).steps(total)
    gaps = np.diff(steps)
    assert steps.dtype == np.int64
    assert (steps[0], steps[-1]) == (0, total)
    assert np.all(gaps > 0)
    assert np.all(gaps <= every)
    even = [step for step in range(every, total, every) if step * (growth - 1) >= every or growth == 1]
    assert set(even) <= set(steps.tolist())
    if 0 < growth - 1 < every and total > 1:
        assert steps[1] == 1


def test_a_schedules_early_steps_grow_geometrically() -> None:
    assert Schedule(every=10, growth=2).steps(35).tolist() == [0, 1, 2, 4, 8, 10, 20, 30, 35]
    assert Schedule(every=10, growth=1).steps(35).tolist() == [0, 10, 20, 30, 35]
    assert Schedule(every=1000, growth=1.25).steps(16).tolist() == [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16]
    assert Schedule().steps(0).tolist() == [0]
