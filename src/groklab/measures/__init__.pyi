from .gini import gini as gini
from .measure import Measure as Measure
from .measure import built_in as built_in
from .measure import measure as measure
from .view import Labels as Labels
from .view import View as View
from .view import masked_mean as masked_mean
