"""What a measure is: a pure function of a network and its task, with a name, dimensions, a unit and words."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from jaxtyping import Array

from groklab.measures.view import View

Plain = Callable[..., Any]
"""A user's function of a network and its task."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measured quantity. Runs on the device, inside jit and vmapped over runs."""

    name: str
    """The variable's name in the dataset."""
    dims: tuple[str, ...]
    """Dimensions of one value, such as ("frequency",); `fitting` has the labels along them."""
    units: str
    """Unit, `1` for a pure number."""
    description: str
    """One sentence with the definition."""
    needs: tuple[str, ...]
    """What the network and the task must have, or the measure must be told; the words are `View.has`'s."""
    compute: Callable[[View], Array]
    """The measure itself."""
    afterwards: bool = False
    """Whether it is computed from the kept weights once the run has ended, and not at every logged step: because it
    needs the final network, or costs too much."""
    on_request: bool = False
    """Whether it is taken only of runs that name it in `extra_measures`, because it costs as much as training."""
    plain: Plain | None = None
    """The user's function that it was made of; nothing for a built-in one."""

    @staticmethod
    def of(function: "Plain | Measure") -> "Measure":
        """A user's function `f(model, task)` as a measure; a measure as it is.

        It is called as the function is and described by the first line of its docstring; unit, dimensions and when
        it is computed are those of `measured`. The result, an array of any number of dimensions, becomes float32.
        Raises `Mistake` for what is no function of two arguments, or has a name that is taken.
        """
        from groklab.measures.own import as_measure

        return function if isinstance(function, Measure) else as_measure(function)

    def applies(self, view: View) -> bool:
        """Whether this network and this task have what it needs."""
        return all(view.has(need) for need in self.needs)


def measure(
    *,
    units: str,
    dims: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    afterwards: bool = False,
    on_request: bool = False,
) -> Callable[[Callable[[View], Array]], Measure]:
    """Turns a function of a `View` into a `Measure` of its name; the docstring's first line is the description."""

    def wrap(compute: Callable[[View], Array]) -> Measure:
        return Measure(
            name=compute.__name__,
            dims=dims,
            units=units,
            description=(compute.__doc__ or "").strip().splitlines()[0],
            needs=needs,
            compute=compute,
            afterwards=afterwards,
            on_request=on_request,
        )

    return wrap


def built_in() -> tuple[Measure, ...]:
    """The measures that are taken of every network that they fit, in alphabetical order of names."""
    return tuple(one for one in _defined() if not one.on_request)


def on_request() -> tuple[Measure, ...]:
    """The measures that are taken where they are asked for by name, in alphabetical order of names."""
    return tuple(one for one in _defined() if one.on_request)


@cache
def _defined() -> tuple[Measure, ...]:
    """Every measure of this package, found by its file."""
    package = importlib.import_module("groklab.measures")
    found: dict[str, Measure] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"groklab.measures.{info.name}")
        found |= {value.name: value for value in vars(module).values() if isinstance(value, Measure)}
    return tuple(found[name] for name in sorted(found))
