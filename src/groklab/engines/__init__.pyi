from .local import run as run
from .progress import Progress as Progress
from .progress import Watch as Watch
