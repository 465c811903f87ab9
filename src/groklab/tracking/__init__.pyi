from .choosing import chosen as chosen
from .event_files import TensorBoard as TensorBoard
from .feeding import tracked as tracked
from .offline_runs import WandB as WandB
from .protocol import Curves as Curves
from .protocol import Tracker as Tracker
