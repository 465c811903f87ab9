"""What is kept of a study: transactions, resuming, provenance, datasets. Numpy and JSON in, xarray out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
