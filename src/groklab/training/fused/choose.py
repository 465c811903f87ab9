"""Which runs the fused step can train; cheap to import."""

from groklab.models.settings import TransformerSettings
from groklab.tasks.settings import TaskSettings
from groklab.training.settings import Run


def fits(run: Run) -> str | None:
    """Why the fused step cannot train this run, in words; nothing where it can."""
    model = run.model
    if not isinstance(run.task, TaskSettings):
        return "what is learned is no operation's table"
    if not isinstance(model, TransformerSettings):
        return "the network is no transformer"
    reasons = {
        f"it has {model.layers} layers": model.layers != 1,
        "it is attention only": model.d_mlp == 0,
        "it has LayerNorm": model.layer_norm,
        f"its neurons are {model.activation}, not relu": model.activation != "relu",
        f"the optimiser is {run.optimiser.name}, not adamw": run.optimiser.name != "adamw",
        "it trains on minibatches": run.batch_size is not None,
        "it has dropout": run.dropout != 0,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
