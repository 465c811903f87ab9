"""A user's function of a network and its task, as a measure like the built-in ones."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.errors import Mistake
from groklab.measures.measure import Measure, Plain, built_in, on_request
from groklab.measures.view import View

F = TypeVar("F", bound=Callable[..., Any])

TAKEN = {
    *("run", "step", "frequency", "matrix", "reading", "part", "digit", "head"),
    *("seed", "task", "train_size", "weight_decay", "learning_rate", "digest", "key_frequency"),
}
"""Names that a dataset has for its coordinates and labels."""


@dataclass(frozen=True, kw_only=True)
class _Wishes:
    units: str = "1"
    dims: tuple[str, ...] = ()
    afterwards: bool = False


def measured(*, units: str = "1", dims: tuple[str, ...] = (), afterwards: bool = False) -> Callable[[F], F]:
    """Says of a function `f(model, task)` how it is measured; the function itself stays as it is.

    `units` is the unit, `dims` the names of the result's dimensions, and `afterwards` whether it is computed from
    the kept weights once a run has ended, and not at every logged step. Raises `Mistake` for names that are none.
    """
    wrong = [dim for dim in dims if not dim.isidentifier() or dim in ("run", "step")]
    if isinstance(dims, str) or wrong or len(set(dims)) < len(dims):
        raise Mistake(f"measured(dims=...) takes different names in a tuple, not run or step, not {dims!r}")
    wishes = _Wishes(units=units, dims=dims, afterwards=afterwards)

    def mark(function: F) -> F:
        vars(function)["measured"] = wishes
        return function

    return mark


def as_measure(function: Plain) -> Measure:
    """`Measure.of` for what is no measure yet."""
    name = _name(function)
    wishes = getattr(function, "measured", _Wishes())
    lines = (inspect.getdoc(function) or "").strip().splitlines()

    def compute(view: View) -> Float[Array, "..."]:
        return jnp.asarray(function(view.learner, view.problem)).astype(jnp.float32)

    return Measure(
        name=name,
        dims=wishes.dims,
        units=wishes.units,
        description=lines[0] if lines else f"The user's own measure {name}, which has no docstring.",
        needs=(),
        compute=compute,
        afterwards=wishes.afterwards,
        plain=function,
    )


def _name(function: Plain) -> str:
    if not callable(function):
        raise Mistake(f"a measure is a function f(model, task), not {function!r}")
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise Mistake(f"a measure is called as its function is, and {function!r} has no name; write it with def")
    try:
        signature = inspect.signature(function)
    except ValueError:
        raise Mistake(f"a measure is a function f(model, task) written with def, not the built-in {name}") from None
    try:
        signature.bind(None, None)
    except TypeError:
        given = f"{name}{signature}"
        raise Mistake(f"a measure is a function of two arguments, (model, task), not {given}") from None
    if name in TAKEN or any(name == one.name for one in (*built_in(), *on_request())):
        raise Mistake(f"groklab's datasets have a {name} already; give your measure's function another name")
    return name
