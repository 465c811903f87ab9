"""XLA with few of its optimisations: where compiling is most of a test's time, and its speed afterwards is not."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""The `compiler_options` of one function that a test compiles itself."""


@contextmanager
def few_optimisations() -> Iterator[None]:
    """All that is compiled meanwhile, in half the time; nothing of it is left for what comes after.

    It rounds differently: a study of a later test that found some of it would not be that of another process.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", False)
        jax.clear_caches()
