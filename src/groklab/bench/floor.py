"""The least arithmetic of a step."""

from groklab.models import TransformerSettings
from groklab.tasks import Split, Task
from groklab.training.settings import Run


def floor(run: Run) -> int:
    """Floating-point operations in the matrix products that a step of one run cannot do without; a sum counts too.

    With n training examples, e elements, m neurons, c classes, d the residual stream, z the heads' widths together
    and j = m + c, each product once forward and twice backward: the neurons through W_L = W_out W_U, 6 n m c; making
    W_L, 6 d m c; W_O with W_in and W_U, 6 z d j; tables of both operands' tokens through it, 12 e z j. For one layer
    without LayerNorm.
    """
    task, model = Task.of(run.task), run.model
    if not isinstance(model, TransformerSettings) or model.layers != 1 or model.layer_norm:
        raise ValueError("the floor is that of a one-layer transformer without LayerNorm")
    examples = len(Split.of(task, run.split, run.data_seed).train)
    d, m, z = model.d_model, model.d_mlp, model.heads * model.head_width
    c = task.vocabulary if model.classes is None else model.classes
    return 6 * examples * m * c + 6 * d * m * c + 6 * z * d * (m + c) + 12 * task.elements * z * (m + c)
