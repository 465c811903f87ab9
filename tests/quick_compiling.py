"""Functions that a test compiles itself: in a fraction of the time, slow as they then are."""

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""The `compiler_options` of one function; what all of groklab compiles in tests, conftest.py says."""
