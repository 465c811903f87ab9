from .application import Application as Application
from .hosts import is_loopback as is_loopback
from .server import listen as listen
from .server import prepared as prepared
from .server import run as run
from .server import url_of as url_of
from .site import Site as Site
