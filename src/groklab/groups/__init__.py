"""Finite groups, their irreducible representations and the Fourier transform of real functions on them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
