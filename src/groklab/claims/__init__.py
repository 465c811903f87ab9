"""The ledger: every claim of both papers and of the forum post, what was found of it, and what held before."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
