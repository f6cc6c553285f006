"""The load: one publisher paced by deadline, and sockets that count what arrives.

Each publisher's packet carries its send time, so that every receiver that can decrypt
knows the age of what it got.  Everything lives in the benchmark's own process; the
servers under test are children, and only their CPU is counted.
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
SEND_SSRC = 0x0BE7C4
RECEIVE_BUFFER_BYTES = 4 << 20


def packets(shape: Shape, payload_type: int, sequence: int, frame: int) -> list[bytes]:
    """The RTP packets of one frame; VP8 descriptors for video, one key frame in 60.

    The send time lies behind a start of eight octets that every payload format fits.
    """
    clock_hz = 90_000 if shape.kind == "video" else 48_000
    timestamp = (frame * clock_hz // shape.frames_hz) & 0xFFFFFFFF
    made = []
    last = len(shape.sizes) - 1
    for number, size in enumerate(shape.sizes):
        # VP8 (RFC 7741): S bit on the first packet; then a frame header whose lowest
        # bit is clear for key frames, its start code and size.
        start = b"\x10" if number == 0 else b"\x00"
        head = start + (b"\x00" if frame % 60 == 0 else b"\x01") + bytes(6)
        payload = head + STAMP.pack(time.monotonic())
        made.append(
            rtp.build(
                payload_type=payload_type,
                sequence=(sequence + number) & 0xFFFF,
                timestamp=timestamp,
                ssrc=SEND_SSRC,
                marker=number == last,
                payload=payload + bytes(size - len(payload)),
            )
        )
    return made


class Publisher:
    """Sends one shape, in numbers that go on from run to run."""

    def __init__(
        self,
        shape: Shape,
        send: Callable[[Sequence[bytes]], None],
        payload_type: int = 96,
    ) -> None:
        self.sequence = 0
        self._frame = 0
        self._shape = shape
        self._send = send
        self._payload_type = payload_type

    async def run(self, duration_s: float) -> int:
        """Send for a while, each frame at its deadline; how many packets were sent."""
        loop = asyncio.get_running_loop()
        first = self.sequence
        start = loop.time()
        for due in self._shape.deadlines(start):
            if due > start + duration_s:
                break
            await asyncio.sleep(due - loop.time())
            self._send(
                packets(self._shape, self._payload_type, self.sequence, self._frame)
            )
            self.sequence += len(self._shape.sizes)
            self._frame += 1
        return self.sequence - first


class Sink:
    """A bound socket that counts datagrams and hands one in `sampling` on."""

    def __init__(self, inspect: Callable[[bytes], None], sampling: int = 50) -> None:
        self.count = 0
        self._inspect = inspect
        self._sampling = sampling
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES
        )
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._drain)

    @property
    def address(self) -> tuple[str, int]:
        """Where the sink listens."""
        host, port = self._socket.getsockname()
        return host, port

    def _drain(self) -> None:
        receive = self._socket.recv
        while True:
            try:
                data = receive(2048)
            except BlockingIOError:
                return
            self.count += 1
            if self.count % self._sampling == 0:
                self._inspect(data)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


class Ages:
    """How old sampled packets were when they arrived."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def note(self, payload: bytes) -> None:
        """Read the send time out of a payload made by `packets`."""
        self.seconds.append(time.monotonic() - STAMP.unpack_from(payload, 8)[0])

    def quantile_ms(self, share: float) -> float:
        """The age that `share` of the samples did not exceed."""
        ordered = sorted(self.seconds)
        return ordered[int((len(ordered) - 1) * share)] * 1000 if ordered else 0.0
