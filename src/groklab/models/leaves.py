"""A network's parameters by name, for checkpoints, weight files and measures."""

from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from groklab.errors import Mistake

Model = TypeVar("Model")


def named_parameters(model: Any) -> dict[str, Float[Array, "..."]]:
    """Every parameter under its dotted path: `embed.W_E`, `blocks.0.attn.W_Q`, `unembed.W_U`, ...

    What is switched off has no entry. The order is that of the network's fields, and always the same.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(model)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def with_parameters(model: Model, parameters: Mapping[str, ArrayLike]) -> Model:
    """The network with the given values for all its parameters.

    `model` may be a skeleton. Values may have leading axes that the network's own parameters lack, such as
    `run`, if all have the same ones. They are brought to the parameters' own number type. Raises `Mistake`
    where a name is missing or unexpected, or a shape is another.
    """
    wanted = named_parameters(model)
    if missing := [name for name in wanted if name not in parameters]:
        raise Mistake(f"the weights lack {', '.join(missing)}, which the network's settings ask for")
    if unexpected := [name for name in parameters if name not in wanted]:
        raise Mistake(f"the weights hold {', '.join(unexpected)}, which this network does not have")
    leading: tuple[int, ...] | None = None
    values: list[Array] = []
    for name, leaf in wanted.items():
        value = jnp.asarray(parameters[name], leaf.dtype)
        split = value.ndim - leaf.ndim
        if split < 0 or value.shape[split:] != leaf.shape:
            raise Mistake(f"{name} has shape {value.shape} in the weights, {leaf.shape} in the network")
        leading = value.shape[:split] if leading is None else leading
        if value.shape[:split] != leading:
            raise Mistake(f"{name} has leading axes {value.shape[:split]}, the weights before it {leading}")
        values.append(value)
    return jax.tree.unflatten(jax.tree.structure(model), values)
