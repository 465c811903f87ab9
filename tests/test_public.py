"""The public names, pinned: adding or removing one is a decision, made here too."""

import dataclasses
import importlib
import inspect
import pkgutil
from typing import Any

import pytest

PUBLIC = {
    "groklab": "GivenUp Mistake Record Run StoreError circuits engines figures groups measures models open report run "
    "studies sweeps tasks tracking training",
    "groklab.circuits": "Ablation Basis Circuit Null align cosine cosine_coefficients figures keep_products keep_sums "
    "keep_terms markdown_table neuron_spectra on_the_line print_circuit shuffled take_apart without_cosines "
    "without_sums",
    "groklab.bench": "benchmark write_page",
    "groklab.claims": "Entry Evidence Verdicts entries evidence_in write",
    "groklab.curves": "Boundary Course Curve Estimate FalseAlarms Growth Law LeadTime LogRank Oscillation Passage "
    "Phase Phases Plateau SizeTransition Spike Survival accuracy_plateaus accuracy_spikes bootstrap "
    "clopper_pearson crossing difference_of_shares find_phases fit_transition growth_laws kaplan_meier log_rank "
    "measure_lead passage running_median spectral_energy train_oscillation",
    "groklab.engines": "Progress Watch run",
    "groklab.figures": "DOUBLE FIGURES SINGLE attention_picture circuit_strengths embedding_circle for_print "
    "grokking_survival iso_logit logit_cosines neuron_picture phases_curves printed progress_measures simulation "
    "size_transition spectra study_charts training_curves",
    "groklab.findings": "Analysis Chart Claim Finding HeatMap Table Verdict by_interval by_seeds not_run untested",
    "groklab.groups": "Cyclic Group Irrep Symmetric spectrum",
    "groklab.handbook": "",
    "groklab.measures": "Labels Langevin Measure Table View built_in fitting gini learning_coefficients masked_mean "
    "measure measured on_request outline_of view_of",
    "groklab.models": "Inputs Learner LearnerSettings Linear LinearSettings MLP MLPSettings Model ModelSettings "
    "Transformer TransformerSettings answer_logits answer_neurons build first_scores named_parameters skeleton "
    "with_parameters",
    "groklab.report": "Panel accuracy_curves curves excluded_curves final_spectra loss_curves margin_curves "
    "matrix_norm_curves mirror_curves panels restricted_curves sparsity_curves spectra sum_of_squares_curves "
    "trig_share_curves write_page",
    "groklab.serve": "Application Site is_loopback listen prepared run url_of",
    "groklab.store": "BatchWriter DerivedWriter Folder Kept Manifest Reader Saved Variable begun keep provenance",
    "groklab.studies": "Experiment Scale Study catalogue experiment find forum named nanda papers varma",
    "groklab.studies.nanda": "mainline",
    "groklab.sweeps": "read",
    "groklab.tasks": "DigitsSettings GroupStructure Operation Problem ProblemSettings Samples SamplesSettings "
    "SequenceSettings SequenceTask Split SplitSettings SubsequencesSettings Task TaskSettings TrigramsSettings "
    "catalogue find_operation operations parse_task problem_of",
    "groklab.theory": "Allocation Circuits CriticalSize Efficiency Estimate Phases Points Problem Scaling Speeds "
    "Trajectories allocate closed_ratio critical_size minimise phases recorded_steps scale simulate",
    "groklab.tracking": "Curves TensorBoard Tracker WandB chosen tracked",
    "groklab.training": "Batch Doing Fork Intervention OptimiserSettings Run Schedule Status StopSettings Tick Trainer "
    "Watcher plan with_parents",
}


def names_of(module: str) -> list[str]:
    found = importlib.import_module(module)
    return sorted(getattr(found, "__all__", None) or [])


def test_every_room_is_pinned_here() -> None:
    package = importlib.import_module("groklab")
    rooms = {f"groklab.{info.name}" for info in pkgutil.iter_modules(package.__path__) if info.ispkg}
    assert rooms - set(PUBLIC) == set()


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_these_and_resolve(module: str) -> None:
    wanted = PUBLIC[module].split()
    found = importlib.import_module(module)
    if module != "groklab.studies.nanda":
        assert names_of(module) == sorted(wanted)
        assert set(wanted) <= set(dir(found))
    for name in wanted:
        assert getattr(found, name) is not None


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_object_says_what_it_is(module: str) -> None:
    room = importlib.import_module(module)
    assert room.__doc__, module
    for name in PUBLIC[module].split():
        value: Any = getattr(room, name)
        if inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value):
            assert inspect.getdoc(value), f"{module}.{name}"
        if inspect.isclass(value) and value.__module__.startswith("groklab"):
            fields = {field.name for field in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
            for attribute, member in vars(value).items():
                if not attribute.startswith("_") and inspect.isfunction(member) and attribute not in fields:
                    assert inspect.getdoc(member), f"{module}.{name}.{attribute}"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="groklab"):
        _ = importlib.import_module("groklab").demo
