"""One UDP socket of the media port, drained in batches.

asyncio's own datagram transport reads one datagram per turn of the loop, which costs
four times the system call.  Here a readable socket is drained up to a bound and the
receiver is told when the batch is over, so that it can send what the batch made in
bursts.  With UDP_GRO several datagrams of one sender arrive in one call.

A socket bound to a wildcard address must answer from the address that was asked, or a
client on a host with several addresses would refuse the answer: the local address of a
datagram (IP_PKTINFO, RFC 3542 section 6.2) goes along into the `Path` of the reply.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence

from meshnode.media.plane import Address
from meshnode.media.sender import Control, Egress, Path, Sender

BUFFER_BYTES = 8 * 2**20
BUFFER_MIN_BYTES = 2**20
"""Below this a receive buffer overflows while a large audience is served."""
BATCH_MAX = 64
"""System calls that one turn of the loop may drain."""
WAITING_MAX = 1024
"""System calls before a late deadline: a third of a second of thirty streams."""
PORT_ATTEMPTS = 16

_UDP_GRO = 104
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_IP_PKTINFO = 8
_V4_INFO = (socket.IPPROTO_IP, _IP_PKTINFO)
_V6_INFO = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
_CONTROL_BYTES = 128
_DATAGRAM_MAX = 65535

Receiver = Callable[[bytes, Address, "UdpSocket", Control], None]
"""Gets (datagram, source, socket, control data to make a `Path` of)."""


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
        ip = ipaddress.ip_address(host)
        self.counters: Counter[str] = Counter()
        self._receiver = receiver
        self._batch_done = batch_done
        self._wildcard = ip.is_unspecified
        self._egresses: dict[bytes, Egress] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._configure()
            self.sender = Sender(self._socket)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.receive_buffer_bytes = self._socket.getsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF
        )
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
        ask = int(self._wildcard)
        if sock.family == socket.AF_INET6:
            # Without it IPv4 sources would appear as ::ffff:a.b.c.d here.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, ask)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, ask)

    def _try_option(self, level: int, option: int, value: int) -> None:
        try:
            self._socket.setsockopt(level, option, value)
        except OSError:
            self.counters["option-refused"] += 1

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to deliver datagrams from `loop`."""
        self._loop = loop
        self.sender.start(loop)
        loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        """Stop and release the port; what is queued is dropped."""
        self.sender.close()
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None
        self._socket.close()

    def path_from(self, local: bytes, address: Address) -> Path:
        """The way from one of our addresses, as `local_end` gave it; empty: any."""
        if not local:
            return self.path(address, [])
        if self._socket.family == socket.AF_INET6:
            return self.path(address, [(*_V6_INFO, local)])
        return self.path(address, [(*_V4_INFO, local)])

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
                scoped = local[0] == 0xFE and local[1] & 0xC0 == 0x80
                reply = [(level, kind, local + (value[16:20] if scoped else bytes(4)))]
        egress = self._egresses.get(local)
        if egress is None:
            # One per address of this host, so the host bounds the table.
            egress = self._egresses[local] = Egress()
        return Path(self.sender, address, reply, egress)

    def _readable(self) -> None:
        self.take(BATCH_MAX)
        if self._loop is not None:
            self._batch_done()

    def take(self, most: int = WAITING_MAX) -> None:
        """Hand over what waits in the socket, at most so many system calls of it."""
        receive, receiver = self._socket.recvmsg, self._receiver
        for _ in range(most):
            try:
                data, control, _, source = receive(_DATAGRAM_MAX, _CONTROL_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if self._loop is None:
                    return  # the receiver closed us
                name = errno.errorcode.get(error.errno or 0, "unknown")
                self.counters[f"receive-{name.lower()}"] += 1
                continue
            address = (source[0], source[1])
            size = _segment_bytes(control)
            if not 0 < size < len(data):
                receiver(data, address, self, control)
                continue
            for start in range(0, len(data), size):
                receiver(data[start : start + size], address, self, control)

    def __repr__(self) -> str:
        return f"<UdpSocket {self.address[0]} port {self.address[1]}>"


def local_end(path: Path) -> bytes:
    """Which of our addresses a way back starts from; empty where there is one only."""
    return path.control[0][2] if path.control else b""


def _segment_bytes(control: Control) -> int:
    """The size of the datagrams that GRO joined, 0 when there is only one."""
    for level, kind, value in control:
        if kind == _UDP_GRO and level == socket.IPPROTO_UDP:
            return int.from_bytes(value[:4], sys.byteorder)
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
    for attempt in range(PORT_ATTEMPTS):
        sockets: list[UdpSocket] = []
        try:
            for host in hosts:
                chosen = sockets[0].address[1] if sockets else port
                made = _bind(host, chosen, receiver, batch_done)
                if made is not None:
                    sockets.append(made)
        except OSError as error:
            for bound in sockets:
                bound.close()
            collided = not port and sockets and error.errno == errno.EADDRINUSE
            if collided and attempt < PORT_ATTEMPTS - 1:
                continue
            raise
        break
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
