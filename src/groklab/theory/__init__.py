"""Circuit efficiency without networks: a simulation, the optimal allocation, scaling, and the critical size."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
