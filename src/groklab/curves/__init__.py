"""What can be read off measured curves, over seeds: phases, lead times, survival, growth, transitions, plateaus."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
