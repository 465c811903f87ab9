"""Questions around the papers: what the authors' forum post, its readers and its other tasks claim."""

from groklab.studies.study import Experiment, experiments_in

globals().update(experiments_in(__name__, __path__))


def __getattr__(name: str) -> Experiment:
    raise AttributeError(f"groklab.studies.forum has no study {name!r}")
