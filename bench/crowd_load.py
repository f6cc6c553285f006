"""The crowd's other side: sockets for everybody, counted in Rust, and its publisher.

A viewer here is a socket.  All are swept by one thread of the extension (`Sinks`),
which copies nothing; what was lost is seen by the counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

from bench import crowd
from bench.load import tune
from meshnode import _native
from meshnode.media.srtp import make_outbound
from meshproto.wire import rtp

RETRY_S = 0.5
SPARE_FILES = 256


class Crowd:
    """`viewers` sockets and the publisher's, all on loopback.

    Not `counted`, they are the caller's to read.
    """

    def __init__(self, viewers: int, *, counted: bool = True) -> None:
        need = viewers + SPARE_FILES
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < need:
            resource.setrlimit(resource.RLIMIT_NOFILE, (need, max(hard, need)))
        self.publisher = _bound()
        self.viewers = [_bound() for _ in range(viewers)]
        swept = self.viewers if counted else []
        self._sinks = _native.Sinks([sock.fileno() for sock in swept])
        self._sweeping = threading.Thread(target=self._sinks.run)
        self._sweeping.start()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Of the viewers."""
        return [sock.getsockname() for sock in self.viewers]

    def total(self) -> int:
        """Datagrams of all of them."""
        return sum(self._sinks.counts())

    async def enter(self, address: tuple[str, int], live: asyncio.Task[object]) -> None:
        """Check from every socket until the plane says that all are `live`."""
        while not live.done():
            for number, sock in enumerate((self.publisher, *self.viewers), 1):
                sock.sendto(crowd.check(number), address)
            await asyncio.wait([live], timeout=RETRY_S)

    def close(self) -> None:
        """Stop counting."""
        self._sinks.stop()
        self._sweeping.join()
        for sock in (self.publisher, *self.viewers):
            sock.close()


def _bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tune(sock)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


@contextlib.contextmanager
def gathered(viewers: int, *, counted: bool = True) -> Iterator[Crowd]:
    """A crowd, and its end."""
    made = Crowd(viewers, counted=counted)
    try:
        yield made
    finally:
        made.close()


def sealed(
    sock: socket.socket, address: tuple[str, int]
) -> Callable[[Sequence[bytes]], None]:
    """How the publisher sends a frame: protected first, then back to back."""
    outbound = make_outbound(crowd.keys(crowd.PUBLISHER, client=True))

    def send(packets: Sequence[bytes]) -> None:
        ready = []
        for packet in packets:
            header = packet[: rtp.parse(packet).header_length]
            ready.append(header + outbound.protect(header, packet[len(header) :]))
        for datagram in ready:
            sock.sendto(datagram, address)

    return send
