"""Curves in other tools while a study trains: TensorBoard, Weights & Biases offline, or a tracker of one's own."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
