"""What is learned: finite operation tables, their tokens, and which of their rows are trained on."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
