"""The experiments: one file each, grouped by paper."""

from groklab.studies import forum, nanda, varma
from groklab.studies.study import Experiment, Scale, Study, catalogue, experiment, find, named, papers

__all__ = [
    "Experiment", "Scale", "Study", "catalogue", "experiment", "find", "forum", "named", "nanda", "papers", "varma",
]  # fmt: skip
