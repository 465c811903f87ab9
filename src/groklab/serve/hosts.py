"""Which names a request may address the server by: a page elsewhere must not reach it by a name of its own."""

import ipaddress
import re
import socket
from collections.abc import Sequence

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:\[\]/@]+)(?::\d{0,5})?", re.IGNORECASE)


class Hosts:
    """The values of the Host header that are answered.

    A page of another site can have its own name resolve to this machine (DNS rebinding) and then read what is
    served; its requests carry that name. So the host that was asked for is answered, its address, and localhost.
    A server that listens to other machines also answers to this machine's names, and to any address in figures,
    which no name server gives away. Ports are not compared: a tunnel's differs.
    """

    def __init__(self, asked: str, address: str) -> None:
        self._any_address = not is_loopback(address)
        names = {asked, address, "localhost"}
        if self._any_address:
            names |= {socket.gethostname(), socket.getfqdn()}
        self._names = {name.lower() for name in names}

    def answer(self, given: Sequence[str]) -> bool:
        """Whether a request with these Host headers is answered."""
        match = HOST.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            return False
        name = match[1].strip("[]").lower()
        return name in self._names or (self._any_address and _is_address(name))


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address."""
    return _is_address(address) and ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
