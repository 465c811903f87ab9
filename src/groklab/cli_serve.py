"""The pages of stores in use, until Ctrl-C."""

import sys
import threading
import webbrowser

from groklab.cli_usage import say
from groklab.store.place import Place
from groklab.store.places import results_in


def serve(root: Place, host: str, port: int, open_page: bool, as_json: bool) -> None:
    """Serves what is in `root` until it is interrupted, which is its good end: status 0.

    Raises `StoreError` where there is nothing to serve, `Mistake` where it cannot listen.
    """
    count = len(results_in(root))
    from groklab.cli_tables import print_json
    from groklab.serve import is_loopback, listen, run, url_of

    listener = listen(host, port)
    url = url_of(listener)
    address = str(listener.getsockname()[0])

    def announce() -> None:
        if as_json:
            print_json({"url": url})
        else:
            print(url)
        sys.stdout.flush()
        say(f"serving {count} {'store' if count == 1 else 'stores'} of {root}, read only; Ctrl-C ends it")
        if not is_loopback(address):
            say(f"warning: whoever can reach {address} can read what is in {root}; there is no password")
        if open_page:
            # Some browsers keep whoever starts them waiting.
            threading.Thread(target=_open, args=(url,), daemon=True).start()

    run(root, listener, host, announce)


def _open(url: str) -> None:
    if not webbrowser.open(url):
        say(f"no browser could be opened; open {url} by hand")
