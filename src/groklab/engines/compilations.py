"""Compiled programs kept between processes, so that the same study starts at once the second time."""

import os
import platform
from hashlib import sha256
from pathlib import Path

import jax

from groklab.machine import cpuinfo


def keep_compilations() -> None:
    """Has JAX keep what it compiles in the user's cache folder, unless the user has chosen a folder for it.

    Each kind of processor has a folder of its own, since a home folder may be shared between unlike machines.
    Where no folder can be made, everything is compiled anew.
    """
    if jax.config.values.get("jax_compilation_cache_dir") is None:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "groklab" / "xla" / _processor()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _processor() -> str:
    told = sorted({line for line in cpuinfo() if line.startswith(("model name", "flags", "Features", "CPU part"))})
    return sha256("\n".join([platform.machine(), platform.processor(), *told]).encode()).hexdigest()[:12]
