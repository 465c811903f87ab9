from .basis import Basis as Basis
from .circuit import Circuit as Circuit
from .taking_apart import take_apart as take_apart
