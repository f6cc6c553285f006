"""What kind of translator a host is behind, asked by plain datagrams (RFC 5780's idea).

Two servers with two ports each answer every datagram with the address it came from, and
on demand another of the four sockets answers instead.  Equal addresses mean a mapping
for all; which of the foreign answers come through tells the filter.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from support.lab.datagrams import udp
from support.lab.lab import Lab

PORTS = (3478, 3479)
WAIT_S = 0.3


@dataclass
class Servers:
    """The four sockets of two hosts, `(host, port)` each."""

    sockets: dict[tuple[int, int], socket.socket]

    def hear(
        self, at: tuple[int, int], wait_s: float = WAIT_S
    ) -> tuple[str, int] | None:
        """Where the next datagram at that socket comes from; None for silence."""
        if not select.select([self.sockets[at]], [], [], wait_s)[0]:
            return None
        _, source = self.sockets[at].recvfrom(2048)
        return source

    def address(self, at: tuple[int, int]) -> tuple[str, int]:
        """The address of a socket."""
        name: tuple[str, int] = self.sockets[at].getsockname()
        return name


@contextlib.contextmanager
def servers(lab: Lab, first: str, second: str) -> Iterator[Servers]:
    """Two hosts of the laboratory that answer."""
    made = {
        (host, port): udp(lab.namespace(name), lab.address(name), PORTS[port])
        for host, name in enumerate((first, second))
        for port in range(2)
    }
    try:
        yield Servers(made)
    finally:
        for sock in made.values():
            sock.close()


@dataclass(frozen=True)
class Verdict:
    """How a translator behaves (RFC 4787 sections 4.1 and 5)."""

    mapping: str
    filtering: str
    mapped: tuple[str, int]

    @property
    def kind(self) -> str:
        """In the words of `nat.KINDS`."""
        if self.mapping != "endpoint-independent":
            return "symmetric"
        return {
            "endpoint-independent": "full-cone",
            "address-dependent": "address-restricted",
            "address-and-port-dependent": "port-restricted",
        }[self.filtering]


def judge(client: socket.socket, all_servers: Servers) -> Verdict:
    """Send and be answered from everywhere."""
    seen = []
    for at in ((0, 0), (0, 1), (1, 0)):
        client.sendto(b"who am I", all_servers.address(at))
        source = all_servers.hear(at)
        assert source is not None, "the translator lets nothing out"
        seen.append(source)
        if at == (0, 0):
            filtering = _filtering(client, all_servers, source)
    names = {1: "endpoint-independent"}
    mapping = names.get(len(set(seen)), "dependent on the endpoint")
    return Verdict(mapping, filtering, seen[0])


def _filtering(
    client: socket.socket, all_servers: Servers, mapped: tuple[str, int]
) -> str:
    """After one datagram to (0, 0): who else gets in?"""
    if _gets_in(client, all_servers, (1, 1), mapped):
        return "endpoint-independent"
    if _gets_in(client, all_servers, (0, 1), mapped):
        return "address-dependent"
    assert _gets_in(client, all_servers, (0, 0), mapped), "not even the answer"
    return "address-and-port-dependent"


def _gets_in(
    client: socket.socket,
    all_servers: Servers,
    at: tuple[int, int],
    mapped: tuple[str, int],
) -> bool:
    all_servers.sockets[at].sendto(b"knock", mapped)
    end = time.monotonic() + WAIT_S
    while (left := end - time.monotonic()) > 0:
        if select.select([client], [], [], left)[0]:
            _, source = client.recvfrom(2048)
            if source == all_servers.address(at):
                return True
    return False
