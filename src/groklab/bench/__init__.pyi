from .benchmark import benchmark as benchmark
from .page import write_page as write_page
