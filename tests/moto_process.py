"""Moto's S3 as a process of its own, which prints its port and ends with whoever started it."""

import os
import sys
import threading

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class Quiet(MotoRequestHandler):
    def log(self, *words):
        pass


def follow():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=follow, daemon=True).start()
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)
    server.serve_forever()
