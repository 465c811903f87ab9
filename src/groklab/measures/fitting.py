"""Which measures fit a network and its task, what their results look like, and the labels along their dimensions."""

from collections.abc import Iterable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from groklab.errors import Mistake
from groklab.measures.measure import Measure
from groklab.measures.view import View


def fitting(measures: Iterable[Measure], outline: View) -> tuple[tuple[Measure, ...], dict[str, np.ndarray]]:
    """The measures that apply to a `View.outline`, and the labels along every dimension they have.

    The key frequencies that a measure refers to are told beside it, so their dimension comes with it.

    A user's function is tried here, without numbers: dimensions that it did not name are called `NAME_0`, `NAME_1`,
    and those that no other measure knows have the labels 0, 1, ... Raises `Mistake` for one that JAX cannot trace,
    whose result is not one array of numbers, or whose dimensions do not fit.
    """
    known = outline.coordinates
    fitted: list[Measure] = []
    for one in measures:
        if not one.applies(outline):
            continue
        if one.plain is not None:
            one, shape = _tried(one, outline)
            for dim, size in zip(one.dims, shape, strict=True):
                if len(known.setdefault(dim, np.arange(size))) != size:
                    raise Mistake(
                        f"the measure {one.name} has {size} values along {dim}, where others have {len(known[dim])}; "
                        "give its dimension another name with @measured(dims=...)"
                    )
        fitted.append(one)
    used = {dim for one in fitted for dim in (*one.dims, *(("frequency",) if "key" in one.needs else ()))}
    return tuple(fitted), {dim: labels for dim, labels in known.items() if dim in used}


def _tried(one: Measure, outline: View) -> tuple[Measure, tuple[int, ...]]:
    """A user's measure with all its dimensions named, and its shape."""
    function = one.plain
    assert function is not None
    try:
        found = jax.eval_shape(lambda model: function(model, outline.problem), outline.learner)
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        raise Mistake(
            f"the measure {one.name} cannot be compiled by JAX: {type(error).__name__}. Use jax.numpy on what comes "
            "from the model, jnp.where in place of if, and no float() or .item()"
        ) from error
    except Exception as error:
        raise Mistake(
            f"the measure {one.name} failed on {outline.problem.name}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, jax.ShapeDtypeStruct) or jnp.issubdtype(found.dtype, jnp.complexfloating):
        raise Mistake(f"the measure {one.name} must return a number or one array of real numbers, not {found}")
    dims = one.dims or tuple(f"{one.name}_{axis}" for axis in range(len(found.shape)))
    if len(dims) != len(found.shape):
        raise Mistake(f"the measure {one.name} has the dimensions {dims}, but its result has the shape {found.shape}")
    return replace(one, dims=dims), found.shape
