"""The experiments: one file each, grouped by paper."""

from groklab.studies import nanda
from groklab.studies.study import Experiment, Scale, Study, catalogue, experiment, find

__all__ = ["Experiment", "Scale", "Study", "catalogue", "experiment", "find", "nanda"]
