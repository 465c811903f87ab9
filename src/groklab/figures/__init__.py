"""Figures of the papers and of sweeps, as Plotly figures from records, networks and the theory; and their print."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
