"""The data of a batch, whatever its runs learn."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from groklab.measures import Table
from groklab.measures.sample_view import SampleTable
from groklab.measures.sequence_view import SequenceTable
from groklab.tasks import SequenceTask, Split, Task, problem_of
from groklab.training.sample_data import SampleData
from groklab.training.sequence_data import SequenceData, sequence_tables
from groklab.training.settings import Run
from groklab.training.state import Data, data_of, tables_of, training_keys

AnyData = Data | SequenceData | SampleData
"""What the runs of a batch are trained on, by what they learn."""


def batch_data(runs: Sequence[Run]) -> AnyData:
    """The data of a batch on the host, every array with a leading run axis."""
    problem = problem_of(runs[0].task)
    if isinstance(problem, Task):
        return data_of(tuple(runs), [Split.of(problem, run.split, run.data_seed) for run in runs])
    rates: dict[str, Any] = {
        "learning_rate": np.array([run.optimiser.learning_rate for run in runs], dtype=np.float32),
        "weight_decay": np.array([run.optimiser.weight_decay for run in runs], dtype=np.float32),
        "key": _keys(runs),
    }
    if isinstance(problem, SequenceTask):
        return SequenceData(**rates, table=sequence_tables(problem, runs, rates["key"]))
    return SampleData(**rates, table=SampleTable())


def batch_tables(runs: Sequence[Run]) -> Table:
    """What measures must know of several runs' training and test sets, on the host, with a leading run axis."""
    problem = problem_of(runs[0].task)
    if isinstance(problem, SequenceTask):
        return sequence_tables(problem, runs, _keys(runs))
    if isinstance(problem, Task):
        return tables_of([Split.of(problem, run.split, run.data_seed) for run in runs])
    return SampleTable()


def seen_at(table: Table, steps: Int[np.ndarray, " run"]) -> Table:
    """The tables of networks after so many steps each: what is trained on next may depend on it."""
    if not isinstance(table, SequenceTable):
        return table
    at: Any = np.asarray(steps, np.int32)
    return table.at(at)


def _keys(runs: Sequence[Run]) -> np.ndarray:
    return jax.device_get(training_keys(np.array([run.seed for run in runs], dtype=np.uint32)))
