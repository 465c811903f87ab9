from .cyclic import Cyclic as Cyclic
from .group import Group as Group
from .irrep import Irrep as Irrep
from .spectra import spectrum as spectrum
from .symmetric import Symmetric as Symmetric
