"""Networks as Equinox modules: pure functions of their arrays, many trained at once under `vmap`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
