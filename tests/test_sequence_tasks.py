"""The sequence tasks and the samples: what is drawn, against slow loops, and what is refused."""

import dataclasses
import subprocess
import sys

import jax
import numpy as np
import pytest

from groklab.errors import Mistake
from groklab.models.settings import LinearSettings, MLPSettings, TransformerSettings
from groklab.settings import Settings
from groklab.tasks import (
    DigitsSettings,
    SamplesSettings,
    SequenceSettings,
    SequenceTask,
    SubsequencesSettings,
    Task,
    TrigramsSettings,
    problem_of,
)
from groklab.training.intervention import Intervention
from groklab.training.plan import check, plan
from groklab.training.settings import Run
from groklab.training.train_size import train_size

SMALL = (
    DigitsSettings(digits=3, examples=20, test=30),
    SubsequencesSettings(tokens=9, sequence=12, block=4, examples=20, test=30),
    TrigramsSettings(firsts=3, seconds=4, noise=5, sequence=7, examples=20, test=30),
)


def drawn(settings: SequenceSettings, count: int = 200, seed: int = 0) -> tuple[np.ndarray, ...]:
    found = SequenceTask.of(settings).draw(jax.random.key(seed), count)
    return tuple(np.asarray(part) for part in (found.tokens, found.answers, found.counts, found.source))


@pytest.mark.parametrize("settings", SMALL)
def test_shapes_and_ranges_are_those_that_the_settings_say(settings: SequenceSettings) -> None:
    tokens, answers, counts, source = drawn(settings)
    assert tokens.shape == (200, settings.length)
    assert answers.shape == counts.shape == source.shape == (200, settings.positions)
    assert tokens.min() >= 0
    assert tokens.max() < settings.vocabulary
    assert answers.min() >= 0
    assert answers.max() < settings.classes
    assert counts.any(axis=1).all()
    # A source lies before the position that is read.
    assert np.all(source <= np.arange(settings.length - settings.positions, settings.length))


def test_digits_are_those_of_the_sum() -> None:
    tokens, answers, counts, source = drawn(SMALL[0])
    for row, digits in zip(tokens, answers, strict=True):
        text = "".join("0123456789+="[token] for token in row)
        a, _, rest = text.partition("+")
        b, _, begun = rest.partition("=")
        total = f"{int(a) + int(b):04d}"
        assert (len(a), len(b)) == (3, 3)
        assert "".join(map(str, digits)) == total
        assert begun == total[:-1]
    assert counts.all()
    assert (source == -1).all()


def test_a_block_comes_twice_at_places_that_vary() -> None:
    settings = SMALL[1]
    assert isinstance(settings, SubsequencesSettings)
    tokens, answers, counts, source = drawn(settings)
    first_read = settings.sequence - settings.positions
    places = set()
    for row, answer, counted, tells in zip(tokens, answers, counts, source, strict=True):
        text = [*row, answer[-1]]
        read = first_read + np.flatnonzero(counted)
        assert len(read) == settings.block - 1
        assert (np.diff(read) == 1).all()
        second = read[0]
        first = tells[counted][0] - 1
        assert first + settings.block <= second
        assert text[first : first + settings.block] == text[second : second + settings.block]
        assert [text[q + 1] for q in read] == [text[s] for s in tells[counted]] == answer[counted].tolist()
        assert (tells[~counted] == -1).all()
        places.add((int(first), int(second)))
    assert len(places) > 10
    assert len({second - first for first, second in places}) > 3


def test_a_skip_trigram_is_told_by_the_two_tokens_and_no_other() -> None:
    settings = SMALL[2]
    assert isinstance(settings, TrigramsSettings)
    tokens, answers, counts, source = drawn(settings)
    for row, (answer,), (place,) in zip(tokens, answers, source, strict=True):
        firsts = np.flatnonzero(row < settings.firsts)
        assert firsts.tolist() == [place]
        assert settings.firsts <= row[-1] < settings.firsts + settings.seconds
        assert (row[np.delete(np.arange(6), place)] >= settings.firsts + settings.seconds).all()
        assert answer == row[place] * settings.seconds + row[-1] - settings.firsts
    assert len(np.unique(answers)) == settings.classes
    assert len(np.unique(source)) == 6
    assert counts.all()


@pytest.mark.parametrize("settings", SMALL)
def test_sets_are_drawn_from_the_data_seed_and_apart(settings: SequenceSettings) -> None:
    task = SequenceTask.of(settings)
    train, test = task.training_set(3), task.test_set(3)
    assert train is not None
    assert (len(train), len(test)) == (20, 30)
    again = task.training_set(3)
    assert again is not None
    assert np.array_equal(train.tokens, again.tokens)
    other = task.training_set(4)
    assert other is not None
    assert not np.array_equal(train.tokens, other.tokens)
    assert not np.array_equal(train.tokens, test.tokens[:20])
    assert SequenceTask.of(dataclasses.replace(settings, examples=None)).training_set(3) is None


def test_settings_go_to_json_and_back_with_the_run() -> None:
    for task in (*SMALL, SamplesSettings(count=7)):
        run = Run(task=task)
        assert Settings.from_json(run.to_json()) == run
        assert run.resolve("examples" if isinstance(task, SequenceSettings) else "count").startswith("task.")
        assert problem_of(task).name == task.name
        assert problem_of(task).group is None
    assert len({task.name for task in SMALL}) == 3


def test_a_task_of_an_operation_is_asked_for_in_vain() -> None:
    for task in (*SMALL, SamplesSettings()):
        with pytest.raises(Mistake, match=f"{task.name} is no operation's table"):
            Task.of(task)
        with pytest.raises(Mistake, match="no operation's table"):
            _ = Run(task=task).table
    assert Run().table == Run().task


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (lambda: DigitsSettings(digits=0), "task.digits must be at least 1, not 0"),
        (lambda: DigitsSettings(examples=0), "task.examples must be at least 1, not 0"),
        (lambda: DigitsSettings(test=0), "task.test must be at least 1, not 0"),
        (lambda: SubsequencesSettings(block=1), "task.block must be at least 2, not 1"),
        (lambda: SubsequencesSettings(sequence=9, block=6), "a block of 6 tokens does not fit twice in 10; give "),
        (lambda: TrigramsSettings(noise=0), "task.noise must be at least 1, not 0"),
        (lambda: TrigramsSettings(sequence=1), "task.sequence must be at least 2, not 1"),
        (lambda: SamplesSettings(count=0), "task.count must be at least 1 sample, not 0"),
        (lambda: DigitsSettings(digits=2.5), "DigitsSettings.digits takes a whole number, not 2.5"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(settings: object, said: str) -> None:
    with pytest.raises(Mistake) as refused:
        settings()  # type: ignore[operator]
    assert said in str(refused.value)


LIMITED = Run(task=SMALL[0], model=TransformerSettings(d_model=8, heads=2, d_mlp=8, classes=10))
UNLIMITED = LIMITED.replace({"task.examples": None})


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (UNLIMITED, "digits:3 with unlimited data has no full batch; give a batch_size, or task.examples"),
        (LIMITED.replace({"batch_size": 21}), "batch_size 21 is above the training set's 20 examples"),
        (LIMITED.replace({"split.noise": 0.1}), "digits:3 reads split.seed alone"),
        (LIMITED.replace({"model.classes": 9}), "digits:3 has 10 answers"),
        (dataclasses.replace(LIMITED, model=MLPSettings()), "which a transformer alone reads"),
        (dataclasses.replace(LIMITED, model=LinearSettings()), "the linear model cannot learn digits:3"),
        (Run(model=LinearSettings()), "the linear model cannot learn add:113"),
        (Run(task=SamplesSettings()), "a network cannot learn samples:100"),
        (LIMITED.replace({"key_frequencies": "1 5"}), "digits:3 has no group, hence no frequencies"),
        (
            dataclasses.replace(LIMITED, intervention=Intervention(change="decay")),
            "an intervention is made on networks",
        ),
    ],
)
def test_runs_that_cannot_be_are_refused_before_anything_is_made(run: Run, said: str) -> None:
    with pytest.raises(Mistake) as refused:
        check([run])
    assert said in str(refused.value)


def test_sizes_and_batches_by_the_kind_of_problem() -> None:
    samples = Run(task=SamplesSettings(count=7), model=LinearSettings())
    few = UNLIMITED.replace({"batch_size": 5})
    runs = (LIMITED, samples, few, LIMITED.replace({"seed": 1}), Run())
    assert [train_size(run) for run in runs] == [20, 7, 0, 20, 3830]
    members = sorted(batch.members for batch in plan(runs))
    assert members == [(0, 3), (1,), (2,), (4,)]


def test_asking_whether_runs_can_be_costs_no_heavy_import() -> None:
    asked = """
import sys
from groklab.models.settings import LinearSettings, TransformerSettings
from groklab.tasks import DigitsSettings, SamplesSettings
from groklab.training.plan import check
from groklab.training.settings import Run
check([Run(task=DigitsSettings(), batch_size=4), Run(task=SamplesSettings(), model=LinearSettings())])
heavy = {"jax", "equinox", "optax"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
