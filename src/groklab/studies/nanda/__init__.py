"""Studies of Nanda et al. 2023, "Progress measures for grokking via mechanistic interpretability"."""

from groklab.studies.study import Experiment, experiments_in

globals().update(experiments_in(__name__, __path__))


def __getattr__(name: str) -> Experiment:
    raise AttributeError(f"groklab.studies.nanda has no study {name!r}")
