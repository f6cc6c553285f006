"""The sending half of a media socket: bursts, full buffers, unwilling paths.

Runs of equal packets leave by UDP_SEGMENT (`gso`), header and ciphertext as separate
pieces, so nothing is joined.  A full socket buffer queues a bounded number of bytes and
drops the rest; media that waits longer is worth nothing.

What the kernel refuses is answered where it belongs (RFC 0002 section 4).  EMSGSIZE and
EINVAL mean that this path does not take segments of that size: the run goes singly and
the path's limit shrinks.  EIO means that the egress cannot checksum segments: no more
GSO from that local address.  A single packet that does not fit is fragmented.  Every
other error belongs to a destination, is counted and never raised.

Everything passes the uplink's meter first (`uplink`).  For demonstrations and tests a
destination can be made to look far away: `delays_s` holds its datagrams back here.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Mapping

from meshnode.media.gso import runs
from meshnode.media.plane import Address
from meshnode.media.uplink import HEADERS_V4, HEADERS_V6, Uplink

QUEUE_MAX_BYTES = 4 * 2**20
SEGMENT_LIMIT = 65535

_UDP = socket.IPPROTO_UDP
_UDP_SEGMENT = 103
_SIZE = struct.Struct("H").pack
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTU_DONT, _PMTU_DO = 0, 2

Control = list[tuple[int, int, bytes]]
"""Ancillary data as `sendmsg` and `recvmsg` have it: (level, type, value)."""


class Egress:
    """What is known about sending from one local address."""

    __slots__ = ("gso",)

    def __init__(self) -> None:
        self.gso = True


class Path:
    """How to send to one remote: its address, our local address, what it takes."""

    __slots__ = ("address", "control", "egress", "segment_limit", "sender")

    def __init__(
        self, sender: Sender, address: Address, control: Control, egress: Egress
    ) -> None:
        self.sender = sender
        self.address = address
        self.control = control
        self.egress = egress
        self.segment_limit = SEGMENT_LIMIT

    def send(self, datagram: bytes) -> bool:
        """Send one datagram.  False when the kernel refused it."""
        return self.sender.datagram(datagram, self)

    def send_burst(self, pieces: list[bytes], sizes: list[int]) -> None:
        """Send packets given as header, ciphertext, header, ciphertext, ...

        `sizes` are the packets' sizes, header and ciphertext together.
        """
        self.sender.burst(pieces, sizes, self)

    def __repr__(self) -> str:
        return f"<Path to {self.address[0]} port {self.address[1]}>"


def _ignore(_reason: str) -> None:
    """What happens to faults nobody wants."""


class Sender:
    """Sends on a non-blocking UDP socket that somebody else owns and closes.

    `fault` is called with a short reason when something is given up for good;
    `delays_s` are by IP address, and `uplink` may be shared with other senders.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.counters: Counter[str] = Counter()
        self.uplink = Uplink()
        self.delays_s: Mapping[str, float] = {}
        self.fault: Callable[[str], None] = _ignore
        self._socket = sock
        self._send = sock.sendmsg
        self._queue: deque[tuple[list[bytes], Control, Address]] = deque()
        self._queue_bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        v6 = sock.family == socket.AF_INET6
        self._headers = HEADERS_V6 if v6 else HEADERS_V4
        self._discover = (
            (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER)
            if v6
            else (socket.IPPROTO_IP, _IP_MTU_DISCOVER)
        )
        sock.setsockopt(*self._discover, _PMTU_DO)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on a full buffer may be waited for on `loop`."""
        self._loop = loop

    def close(self) -> None:
        """Drop what is queued and stop waiting."""
        if self._loop is not None:
            self._loop.remove_writer(self._socket.fileno())
            self._loop = None
        self._queue.clear()
        self._queue_bytes = 0

    def datagram(self, data: bytes, path: Path) -> bool:
        """Send what must not wait for room: checks, DTLS, RTCP."""
        self.uplink.pay(len(data) + self._headers)
        if self.delays_s and path.address[0] in self.delays_s:
            return self._later(path, self.transmit, [data], path.control, path.address)
        return self.transmit([data], path.control, path.address)

    def burst(self, pieces: list[bytes], sizes: list[int], path: Path) -> None:
        """Send pairs of pieces to one path, as far as the uplink has room."""
        admitted = self.uplink.admit(sizes, self._headers)
        if admitted < len(sizes):
            self.counters["uplink-full"] += len(sizes) - admitted
            pieces, sizes = pieces[: 2 * admitted], sizes[:admitted]
        if not sizes:
            return
        if self.delays_s and path.address[0] in self.delays_s:
            self._later(path, self._burst, list(map(bytes, pieces)), sizes, path)
        else:
            self._burst(pieces, sizes, path)

    def _later(self, path: Path, send: Callable[..., object], *what: object) -> bool:
        if self._loop is None:
            return False
        self._loop.call_later(self.delays_s[path.address[0]], self._due, send, *what)
        return True

    def _due(self, send: Callable[..., object], *what: object) -> None:
        if self._loop is not None:
            send(*what)

    def _burst(self, pieces: list[bytes], sizes: list[int], path: Path) -> None:
        """Send pairs of pieces in as few calls as their sizes allow."""
        if len(sizes) == 1:
            self.transmit(pieces, path.control, path.address)
            return
        limit = path.segment_limit if path.egress.gso else 0
        for start, stop in runs(sizes, limit):
            whole = stop - start == len(sizes)
            part = pieces if whole else pieces[2 * start : 2 * stop]
            if stop - start == 1:
                self.transmit(part, path.control, path.address)
            elif not self._segmented(part, sizes[start], path):
                self._singly(part, path)

    def transmit(self, pieces: list[bytes], control: Control, address: Address) -> bool:
        """Send one datagram of several pieces.  False when the kernel refused it."""
        if self._queue:
            return self._enqueue(pieces, control, address)
        try:
            self._send(pieces, control, 0, address)
        except BlockingIOError:
            return self._enqueue(pieces, control, address)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                return self._fragmented(pieces, control, address)
            self._count(error)
            return False
        return True

    def _segmented(self, part: list[bytes], size: int, path: Path) -> bool:
        """Send a run in one call; False when the kernel will not segment it."""
        control = [(_UDP, _UDP_SEGMENT, _SIZE(size)), *path.control]
        if self._queue:
            return self._enqueue(part, control, path.address)
        try:
            self._send(part, control, 0, path.address)
        except BlockingIOError:
            return self._enqueue(part, control, path.address)
        except OSError as error:
            if error.errno in (errno.EMSGSIZE, errno.EINVAL):
                path.segment_limit = min(path.segment_limit, size - 1)
                self.counters["gso-shrunk"] += 1
                return False
            if error.errno == errno.EIO:
                path.egress.gso = False
                self.counters["gso-off"] += 1
                self.fault("an egress cannot segment")
                return False
            self._count(error)
        return True

    def _singly(self, part: list[bytes], path: Path) -> None:
        for start in range(0, len(part), 2):
            self.transmit(part[start : start + 2], path.control, path.address)

    def _fragmented(
        self, pieces: list[bytes], control: Control, address: Address
    ) -> bool:
        """Let IP fragment one packet that the path does not take whole.

        Publishers choose their packet size (GStreamer: 1400) and cannot be asked for
        less; a fragmented picture is better than none.
        """
        self.counters["fragmented"] += 1
        self._socket.setsockopt(*self._discover, _PMTU_DONT)
        try:
            self._send(pieces, control, 0, address)
        except OSError as error:
            self._count(error)
            return False
        finally:
            self._socket.setsockopt(*self._discover, _PMTU_DO)
        return True

    def _enqueue(self, pieces: list[bytes], control: Control, address: Address) -> bool:
        size = sum(map(len, pieces))
        if self._loop is None or self._queue_bytes + size > QUEUE_MAX_BYTES:
            self.counters["send-queue-full"] += 1
            return False
        if not self._queue:
            self._loop.add_writer(self._socket.fileno(), self._writable)
        self._queue.append((pieces, control, address))
        self._queue_bytes += size
        return True

    def _writable(self) -> None:
        while self._queue:
            pieces, control, address = self._queue[0]
            try:
                self._send(pieces, control, 0, address)
            except BlockingIOError:
                return
            except OSError as error:
                self._count(error)
            self._queue.popleft()
            self._queue_bytes -= sum(map(len, pieces))
        if self._loop is not None:
            self._loop.remove_writer(self._socket.fileno())

    def _count(self, error: OSError) -> None:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        self.counters[f"send-{name.lower()}"] += 1
