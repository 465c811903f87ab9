"""Studies of Varma et al. 2023, "Explaining grokking through circuit efficiency"."""

from groklab.studies.study import Experiment, experiments_in

globals().update(experiments_in(__name__, __path__))


def __getattr__(name: str) -> Experiment:
    raise AttributeError(f"groklab.studies.varma has no study {name!r}")
