from .progress import Progress as Progress
from .progress import Watch as Watch
from .running import run as run
