"""How many examples a run is trained on; cheap, nothing is drawn."""

from groklab.tasks import SamplesSettings, SequenceSettings, Split, Task
from groklab.training.settings import Run


def train_size(run: Run) -> int:
    """Pairs, sequences or samples of the training set; 0 where every step draws new ones."""
    match run.task:
        case SequenceSettings():
            return run.task.examples or 0
        case SamplesSettings():
            return run.task.count
        case _:
            return len(Split.of(Task.of(run.task), run.split, run.data_seed).train)
