from .environment import provenance as provenance
from .folder import Folder as Folder
from .folder import begun as begun
from .layout import Saved as Saved
from .manifest import Manifest as Manifest
from .reader import Reader as Reader
from .variable import Variable as Variable
from .writer import BatchWriter as BatchWriter
