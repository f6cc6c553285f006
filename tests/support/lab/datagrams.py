"""Plain datagrams between the hosts of a laboratory: what arrives, and how much."""

from __future__ import annotations

import socket
import time
from typing import Protocol

from support.lab.namespaces import inside

SO_RCVBUFFORCE = 33  # not in the socket module
LONGEST_WAY_S = 0.2


class Addressed(Protocol):
    """A laboratory whose hosts have addresses."""

    def namespace(self, name: str) -> str: ...

    def address(self, name: str) -> str: ...


def udp(namespace: str, address: str, port: int = 0) -> socket.socket:
    """A UDP socket that lives in the namespace."""
    with inside(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    return made


def sockets(lab: Addressed, *names: str) -> list[socket.socket]:
    """One per host, with room for what a busy machine reads late."""
    made = [udp(lab.namespace(name), lab.address(name), 7000) for name in names]
    for sock in made:
        sock.settimeout(1)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
    return made


def exchange(one: socket.socket, other: socket.socket, count: int) -> int:
    """Send from one to the other; how many came after the longest way."""
    for number in range(count):
        one.sendto(b"%d" % number + bytes(100), other.getsockname())
        time.sleep(0.0005)
    time.sleep(LONGEST_WAY_S)
    other.setblocking(False)
    arrived = 0
    while True:
        try:
            other.recv(2048)
            arrived += 1
        except BlockingIOError:
            return arrived
