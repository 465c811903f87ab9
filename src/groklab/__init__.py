"""groklab, a laboratory for grokking: train many small networks at once, measure them, take them apart."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
