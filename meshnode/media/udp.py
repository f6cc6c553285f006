"""One UDP socket of the media port: drained in batches, sent on in bursts.

Receiving: asyncio's own datagram transport reads one datagram per turn of the loop,
which costs four times the system call.  Here a readable socket is drained up to a bound
and the receiver is told when the batch is over, so that it can send what the batch made
in bursts.  With UDP_GRO several datagrams of one sender arrive in one call.

Sending: runs of equal packets leave by UDP_SEGMENT (`gso`), header and ciphertext as
separate pieces.  A full socket buffer queues a bounded number of bytes and drops the
rest; media that waits longer is worth nothing.  Errors that belong to a destination are
counted and never raised.

A socket bound to a wildcard address must answer from the address that was asked, or a
client on a host with several addresses would refuse the answer: the local address of a
datagram (IP_PKTINFO, RFC 3542 section 6.2) goes along into the `Path` of the reply.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from meshnode.media.gso import runs
from meshnode.media.plane import Address

BUFFER_BYTES = 8 * 2**20
BATCH_MAX = 64
"""System calls that one turn of the loop may drain."""
QUEUE_MAX_BYTES = 4 * 2**20
SEGMENT_LIMIT = 65535

_UDP_SEGMENT = 103
_UDP_GRO = 104
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_IP_PKTINFO = 8
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTU_DONT, _PMTU_DO = 0, 2
_CONTROL_BYTES = 128
_DATAGRAM_MAX = 65535

Control = list[tuple[int, int, bytes]]
Receiver = Callable[[bytes, Address, "UdpSocket", Control], None]
"""Gets (datagram, source, socket, control data to make a `Path` of)."""


class Egress:
    """What is known about sending from one local address."""

    __slots__ = ("gso",)

    def __init__(self) -> None:
        self.gso = True


class Path:
    """Where and how to send to one remote: address, local address, what it can take."""

    __slots__ = ("address", "control", "egress", "segment_limit", "socket", "target")

    def __init__(
        self, sock: UdpSocket, address: Address, control: Control, egress: Egress
    ) -> None:
        self.socket = sock
        self.address = address
        self.target: tuple[str | int, ...] = address
        self.control = control
        self.egress = egress
        self.segment_limit = SEGMENT_LIMIT

    def __repr__(self) -> str:
        return f"<Path to {self.address[0]} port {self.address[1]}>"


class UdpSocket:
    """A bound, non-blocking UDP socket of one family.

    `receiver` gets every datagram, `batch_done` is called after each drained batch.
    Raises `OSError` when the address cannot be bound.
    """

    def __init__(
        self,
        host: str,
        port: int,
        receiver: Receiver,
        batch_done: Callable[[], None],
    ) -> None:
        v6 = ipaddress.ip_address(host).version == 6
        self.family = socket.AF_INET6 if v6 else socket.AF_INET
        self.counters: Counter[str] = Counter()
        self._receiver = receiver
        self._batch_done = batch_done
        self._wildcard = ipaddress.ip_address(host).is_unspecified
        self._egresses: dict[bytes, Egress] = {}
        self._queue: deque[tuple[list[bytes], Control, Path]] = deque()
        self._queue_bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = socket.socket(self.family, socket.SOCK_DGRAM)
        try:
            self._configure()
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        name = self._socket.getsockname()
        self.address: Address = (name[0], name[1])

    def _configure(self) -> None:
        sock = self._socket
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        # Beyond the system's limit only with the right to; without it is fine too.
        for option in (_SO_RCVBUFFORCE, _SO_SNDBUFFORCE):
            self._try_option(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self._try_option(socket.IPPROTO_UDP, _UDP_GRO, 1)
        if self.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, int(self._wildcard)
            )
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, int(self._wildcard))
        self._set_fragmentation(_PMTU_DO)

    def _try_option(self, level: int, option: int, value: int) -> None:
        try:
            self._socket.setsockopt(level, option, value)
        except OSError:
            self.counters["option-refused"] += 1

    def _set_fragmentation(self, mode: int) -> None:
        if self.family == socket.AF_INET6:
            self._try_option(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, mode)
        else:
            self._try_option(socket.IPPROTO_IP, _IP_MTU_DISCOVER, mode)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to deliver datagrams from `loop`."""
        self._loop = loop
        loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        """Stop and release the port; what is queued is dropped."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._loop = None
        self._queue.clear()
        self._socket.close()

    # -- receiving ---------------------------------------------------------------------

    def _readable(self) -> None:
        receive, receiver = self._socket.recvmsg, self._receiver
        for _ in range(BATCH_MAX):
            try:
                data, control, _, source = receive(_DATAGRAM_MAX, _CONTROL_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self._count("receive", error)
                continue
            address = (source[0], source[1])
            size = _segment_size(control) if control else 0
            if not size or size >= len(data):
                receiver(data, address, self, control)
            else:
                for start in range(0, len(data), size):
                    receiver(data[start : start + size], address, self, control)
        self._batch_done()

    def path(self, address: Address, control: Control) -> Path:
        """The way back to where a datagram with this control data came from."""
        reply: Control = []
        local = b""
        for level, kind, value in control:
            if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
                local = value[4:8]
                reply = [(level, kind, bytes(4) + local + bytes(4))]
            elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                local = value[:16]
                # A link-local address means nothing without its interface.
                interface = value[16:20] if local[:2] == b"\xfe\x80" else bytes(4)
                reply = [(level, kind, local + interface)]
        egress = self._egresses.get(local)
        if egress is None:
            # One per address of this host, so the host bounds the table.
            egress = self._egresses.setdefault(local, Egress())
        return Path(self, address, reply, egress)

    # -- sending -----------------------------------------------------------------------

    def send(self, datagram: bytes, path: Path) -> bool:
        """Send one datagram.  False when it was dropped."""
        return self._transmit([datagram], path.control, path)

    def send_burst(self, pieces: Sequence[bytes], path: Path) -> None:
        """Send packets given as header, ciphertext, header, ciphertext, ..."""
        sizes = [len(pieces[n]) + len(pieces[n + 1]) for n in range(0, len(pieces), 2)]
        limit = path.segment_limit if path.egress.gso else 0
        for start, stop in runs(sizes, limit):
            part = list(pieces[2 * start : 2 * stop])
            if stop - start == 1:
                self._transmit(part, path.control, path)
            elif not self._segmented(part, sizes[start], path):
                self._singly(part, path)

    def _segmented(self, part: list[bytes], size: int, path: Path) -> bool:
        """Send a run in one call; False when the kernel will not segment it."""
        segment = (socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("H", size))
        control = [segment, *path.control]
        if self._queue:
            return self._enqueue(part, control, path)
        try:
            self._socket.sendmsg(part, control, 0, path.target)
        except BlockingIOError:
            return self._enqueue(part, control, path)
        except OSError as error:
            if error.errno in (errno.EMSGSIZE, errno.EINVAL):
                path.segment_limit = min(path.segment_limit, size - 1)
                self.counters["gso-shrunk"] += 1
                return False
            if error.errno == errno.EIO:  # this egress cannot checksum segments
                path.egress.gso = False
                self.counters["gso-off"] += 1
                return False
            self._count("send", error)
        return True

    def _singly(self, part: list[bytes], path: Path) -> None:
        for start in range(0, len(part), 2):
            self._transmit(part[start : start + 2], path.control, path)

    def _transmit(self, pieces: list[bytes], control: Control, path: Path) -> bool:
        if self._queue:
            return self._enqueue(pieces, control, path)
        try:
            self._socket.sendmsg(pieces, control, 0, path.target)
        except BlockingIOError:
            return self._enqueue(pieces, control, path)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                return self._fragmented(pieces, control, path)
            self._count("send", error)
            return False
        return True

    def _fragmented(self, pieces: list[bytes], control: Control, path: Path) -> bool:
        """Let IP fragment one packet that the path does not take whole.

        Publishers choose their packet size (GStreamer: 1400) and cannot be asked for
        less; a fragmented picture is better than none.
        """
        self.counters["fragmented"] += 1
        self._set_fragmentation(_PMTU_DONT)
        try:
            self._socket.sendmsg(pieces, control, 0, path.target)
        except OSError as error:
            self._count("send", error)
            return False
        finally:
            self._set_fragmentation(_PMTU_DO)
        return True

    def _enqueue(self, pieces: list[bytes], control: Control, path: Path) -> bool:
        size = sum(map(len, pieces))
        if self._loop is None or self._queue_bytes + size > QUEUE_MAX_BYTES:
            self.counters["send-queue-full"] += 1
            return True  # dropped here: sending it singly would not help either
        if not self._queue:
            self._loop.add_writer(self._socket.fileno(), self._writable)
        self._queue.append((pieces, control, path))
        self._queue_bytes += size
        return True

    def _writable(self) -> None:
        while self._queue:
            pieces, control, path = self._queue[0]
            try:
                self._socket.sendmsg(pieces, control, 0, path.target)
            except BlockingIOError:
                return
            except OSError as error:
                self._count("send", error)
            self._queue.popleft()
            self._queue_bytes -= sum(map(len, pieces))
        if self._loop is not None:
            self._loop.remove_writer(self._socket.fileno())

    def _count(self, verb: str, error: OSError) -> None:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        self.counters[f"{verb}-{name.lower()}"] += 1

    def __repr__(self) -> str:
        return f"<UdpSocket {self.address[0]} port {self.address[1]}>"


def _segment_size(control: Iterable[tuple[int, int, bytes]]) -> int:
    """The size of the datagrams that GRO joined, 0 when there is only one."""
    for level, kind, value in control:
        if level == socket.IPPROTO_UDP and kind == _UDP_GRO:
            return int.from_bytes(value[:4], "little")
    return 0


def bind_all(
    hosts: Sequence[str],
    port: int,
    receiver: Receiver,
    batch_done: Callable[[], None],
) -> list[UdpSocket]:
    """A socket for every host, all on one port number (0: one that is free on all).

    A wildcard of a family this system lacks is left out.  Raises `OSError` when a port
    is taken or no socket is left; nothing stays bound then.
    """
    attempts = 1 if port else 16
    while True:
        attempts -= 1
        sockets: list[UdpSocket] = []
        try:
            for host in hosts:
                chosen = sockets[0].address[1] if sockets else port
                if made := _bind(host, chosen, receiver, batch_done):
                    sockets.append(made)
        except OSError as error:
            for made in sockets:
                made.close()
            if attempts and sockets and error.errno == errno.EADDRINUSE:
                continue
            raise
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, "no address could be bound")
        return sockets


def _bind(
    host: str, port: int, receiver: Receiver, batch_done: Callable[[], None]
) -> UdpSocket | None:
    try:
        return UdpSocket(host, port, receiver, batch_done)
    except OSError as error:
        missing = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
        if missing and ipaddress.ip_address(host).is_unspecified:
            return None
        raise
