"""How exactly an accelerator multiplies matrices."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, get_args

import jax

from groklab.errors import Mistake, unknown

Precision = Literal["float32", "tf32", "bf16_3x"]
"""Full float32; one pass with 10 bits of mantissa; three passes of bfloat16, about 16 bits."""

_NAMES = {"float32": "highest", "tf32": "TF32_TF32_F32", "bf16_3x": "BF16_BF16_F32_X3"}


def multiplying(precision: Precision) -> AbstractContextManager[Any]:
    """A context in which programs are compiled with that precision; on the CPU products are float32 as they are.

    Raises `Mistake` for a precision that is not known, or that the CPU does not have.
    """
    if precision not in get_args(Precision):
        raise unknown("precision", precision, get_args(Precision))
    if jax.default_backend() != "cpu":
        return jax.default_matmul_precision(_NAMES[precision])
    if precision != "float32":
        raise Mistake(f"precision {precision} is for accelerators; on this machine's CPU take float32")
    return nullcontext()
