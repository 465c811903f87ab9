from .choose import fits as fits
from .engine import advancing as advancing
