"""Cross-entropy of logits that two circuits give, safe for weights of any size and sign (Varma et al. 2023, app. C)."""

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "*shape"]


def train_loss(total: Values, classes: Values) -> Values:
    """log(e^s + C - 1) - s in nats, s the right answer's logit and all C - 1 others 0; exact where it is 1e-30."""
    return softplus(np.log(classes - 1) - total)


def test_loss(gen: Values, mem: Values, classes: Values) -> Values:
    """log(e^w_g + e^w_m + C - 2) - w_g in nats: the right answer has logit w_g, one wrong answer w_m, the others 0."""
    return softplus(np.logaddexp(mem, np.log(classes - 2)) - gen)


def softplus(x: Values) -> Values:
    """log(1 + e^x)."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
