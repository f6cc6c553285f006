"""The load: one publisher paced by deadline, and sockets that count what arrives.

Each of the publisher's packets carries its send time, so that every receiver that can
decrypt knows the age of what it got.  Ages end at the kernel's receive time stamp
(SO_TIMESTAMPNS): when this process comes round to reading is no property of a server.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Sequence

from bench.shapes import Shape
from meshproto.wire import rtp

STAMP = struct.Struct("!d")
SEND_SSRC = {"video": 0x0BE7C4, "audio": 0x0BE7C5}
PAYLOAD_TYPES = {"video": 96, "audio": 111}
RECEIVE_BUFFER_BYTES = 4 << 20
SAMPLING = 50
"""One packet in so many is decrypted."""

_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_TIMESPEC = struct.Struct("qq")
_CONTROL_BYTES = 64
_DATAGRAM_MAX = 2048


def packets(shape: Shape, sequence: int, frame: int) -> list[bytes]:
    """The RTP packets of one frame; VP8 descriptors for video, one key frame in 60.

    The send time lies behind a start of eight octets that every payload format fits.
    """
    timestamp = (frame * shape.clock_hz // shape.frames_hz) & 0xFFFFFFFF
    made = []
    last = len(shape.sizes) - 1
    for number, size in enumerate(shape.sizes):
        # VP8 (RFC 7741): S bit on the first packet; then a frame header whose lowest
        # bit is clear for key frames, its start code and size.
        start = b"\x10" if number == 0 else b"\x00"
        head = start + (b"\x00" if frame % 60 == 0 else b"\x01") + bytes(6)
        payload = head + STAMP.pack(time.time())
        made.append(
            rtp.build(
                payload_type=PAYLOAD_TYPES[shape.kind],
                sequence=(sequence + number) & 0xFFFF,
                timestamp=timestamp,
                ssrc=SEND_SSRC[shape.kind],
                marker=number == last,
                payload=payload + bytes(size - len(payload)),
            )
        )
    return made


class Publisher:
    """Sends one shape, in numbers that go on from run to run."""

    def __init__(self, shape: Shape, send: Callable[[Sequence[bytes]], None]) -> None:
        self.sequence = 0
        self._frame = 0
        self._shape = shape
        self._send = send

    async def run(self, duration_s: float) -> int:
        """Send for a while, each frame at its deadline; how many packets were sent."""
        loop = asyncio.get_running_loop()
        first = self.sequence
        start = loop.time()
        for due in self._shape.deadlines(start):
            if due >= start + duration_s:
                break
            await asyncio.sleep(due - loop.time())
            self._send(packets(self._shape, self.sequence, self._frame))
            self.sequence += len(self._shape.sizes)
            self._frame += 1
        return self.sequence - first


class Ages:
    """How old sampled packets were when the kernel had them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def note(self, payload: bytes, arrived: float) -> None:
        """Read the send time out of a payload made by `packets`."""
        self.seconds.append(arrived - STAMP.unpack_from(payload, 8)[0])

    def quantile_ms(self, share: float) -> float:
        """The age that `share` of the samples did not exceed."""
        ordered = sorted(self.seconds)
        return ordered[int((len(ordered) - 1) * share)] * 1000 if ordered else 0.0


def tune(sock: socket.socket) -> None:
    """A receive buffer that holds a late reader's second, and time stamps."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except OSError:  # without the right to exceed the system's limit
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def drain(
    sock: socket.socket, take: Callable[[bytes], bool]
) -> list[tuple[bytes, float]]:
    """Read everything that waits; those that `take` wants, with their receive times.

    Stamps are looked at for wanted datagrams only: the load is many, and light.
    """
    wanted = []
    receive = sock.recvmsg
    while True:
        try:
            data, control, _, _ = receive(_DATAGRAM_MAX, _CONTROL_BYTES)
        except (BlockingIOError, ConnectionRefusedError):
            return wanted
        if take(data):
            wanted.append((data, _stamped(control)))


def _stamped(control: list[tuple[int, int, bytes]]) -> float:
    for level, kind, value in control:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            return float(seconds + nanoseconds / 1e9)
    return time.time()


class Sink:
    """A bound socket that counts datagrams and hands one in `SAMPLING` on."""

    def __init__(self, inspect: Callable[[bytes, float], None]) -> None:
        self.packets = 0
        self._inspect = inspect
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tune(self._socket)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    @property
    def address(self) -> tuple[str, int]:
        """Where the sink listens."""
        host, port = self._socket.getsockname()
        return host, port

    def _readable(self) -> None:
        for data, arrived in drain(self._socket, self._take):
            self._inspect(data, arrived)

    def _take(self, _: bytes) -> bool:
        self.packets += 1
        return self.packets % SAMPLING == 0

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
