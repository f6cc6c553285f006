"""The crowd's other side: sockets for everybody, counted in Rust, and its publisher.

A viewer here is a socket.  All are swept by one thread of the extension (`Sinks`),
which looks at two octets of each packet; what was lost is seen by the counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from bench import crowd
from bench.load import PAYLOAD_TYPES, tune
from meshnode import _native
from meshnode.media.srtp import make_outbound
from meshproto.wire import rtp

RETRY_S = 0.5
CONSENT_S = 10.0
"""Everybody checks once in so long; three times that is too long."""
SPARE_FILES = 256


class Crowd:
    """`viewers` sockets and the publisher's, all on loopback.

    What is counted is the stream itself, of `kind`; reports and repetitions are not.
    Without a kind the sockets are the caller's to read.
    """

    def __init__(self, viewers: int, kind: str | None) -> None:
        need = viewers + SPARE_FILES
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < need:
            resource.setrlimit(resource.RLIMIT_NOFILE, (need, max(hard, need)))
        self.publisher = _bound()
        self.viewers = [_bound() for _ in range(viewers)]
        swept = self.viewers if kind else []
        payload_type = PAYLOAD_TYPES[kind] if kind else 0
        self._sinks = _native.Sinks([sock.fileno() for sock in swept], payload_type)
        self._sweeping = threading.Thread(target=self._sinks.run)
        self._sweeping.start()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Of the viewers."""
        return [sock.getsockname() for sock in self.viewers]

    def total(self) -> int:
        """Packets that came to all of them."""
        return sum(self._sinks.counts())

    async def enter(self, address: tuple[str, int], live: asyncio.Task[object]) -> None:
        """Check from every socket until the plane says that all are `live`."""
        while not live.done():
            for number, sock in self._numbered():
                sock.sendto(crowd.check(number), address)
            await asyncio.wait([live], timeout=RETRY_S)

    async def consent(self, address: tuple[str, int]) -> None:
        """Check from all sockets in turn, for ever: who does not is not sent to."""
        # why by deadline: a busy machine oversleeps, two hundred times a round
        due, step_s = time.monotonic(), CONSENT_S / (1 + len(self.viewers))
        while True:
            for number, sock in self._numbered():
                sock.sendto(crowd.check(number), address)
                due += step_s
                await asyncio.sleep(due - time.monotonic())

    def _numbered(self) -> Iterator[tuple[int, socket.socket]]:
        return enumerate((self.publisher, *self.viewers), 1)

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
def gathered(viewers: int, kind: str | None) -> Iterator[Crowd]:
    """A crowd, and its end."""
    made = Crowd(viewers, kind)
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
