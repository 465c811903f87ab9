"""Training: what a run is, and how a batch of them is taken from start to end."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
