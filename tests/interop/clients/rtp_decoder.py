"""From RTP packets to decoded pictures, for clients that stop at RTP.

Depacketisers for VP8 (RFC 7741), VP9 (RFC 9628), H.264 (RFC 6184) and AV1 (the AOM RTP
specification) in their short forms, written apart from the node's own parsers so that
both cannot share a mistake.  Packets of one timestamp make one picture for PyAV.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import av
from av.error import FFmpegError

DECODERS = {"vp8": "vp8", "vp9": "vp9", "h264": "h264", "av1": "libdav1d"}
START = b"\x00\x00\x00\x01"


def header_length(packet: bytes) -> int:
    """Bytes before the payload (RFC 3550 section 5.1)."""
    length = 12 + 4 * (packet[0] & 15)
    if packet[0] & 16:
        length += 4 + 4 * int.from_bytes(packet[length + 2 : length + 4], "big")
    return length


def payload(packet: bytes) -> bytes:
    """The payload without padding."""
    end = len(packet) - packet[-1] if packet[0] & 32 else len(packet)
    return packet[header_length(packet) : end]


def vp8(payloads: list[bytes]) -> bytes:
    return b"".join(data[_vp8_descriptor(data) :] for data in payloads)


def _vp8_descriptor(data: bytes) -> int:
    length = 1
    if data[0] & 0x80:
        flags = data[1]
        length = 2
        if flags & 0x80:
            length += 2 if data[2] & 0x80 else 1
        length += bool(flags & 0x40) + bool(flags & 0x30)
    return length


def vp9(payloads: list[bytes]) -> bytes:
    return b"".join(data[_vp9_descriptor(data) :] for data in payloads)


def _vp9_descriptor(data: bytes) -> int:
    first, at = data[0], 1
    flexible = first & 0x10
    if first & 0x80:
        at += 2 if data[at] & 0x80 else 1
    if first & 0x20:
        at += 1 if flexible else 2
    if flexible and first & 0x40:
        while data[at] & 1:
            at += 1
        at += 1
    if first & 0x02:
        at = _vp9_structure(data, at)
    return at


def _vp9_structure(data: bytes, at: int) -> int:
    flags = data[at]
    at += 1
    if flags & 0x10:
        at += 4 * ((flags >> 5) + 1)
    if flags & 0x08:
        pictures = data[at]
        at += 1
        for _ in range(pictures):
            at += 1 + (data[at] >> 2 & 3)
    return at


def h264(payloads: list[bytes]) -> bytes:
    out = bytearray()
    for data in payloads:
        kind = data[0] & 31
        if kind == 24:
            for unit in _sized(data[1:]):
                out += START + unit
        elif kind == 28:
            if data[1] & 0x80:
                out += START + bytes([data[0] & 0xE0 | data[1] & 31])
            out += data[2:]
        else:
            out += START + data
    return bytes(out)


def _sized(data: bytes) -> Iterator[bytes]:
    while len(data) > 2:
        (size,) = struct.unpack_from("!H", data)
        yield data[2 : 2 + size]
        data = data[2 + size :]


def av1(payloads: list[bytes]) -> bytes:
    units: list[bytes] = []
    for data in payloads:
        elements = list(_av1_elements(data))
        if data[0] & 0x80 and units and elements:
            units[-1] += elements.pop(0)
        units += elements
    return b"\x12\x00" + b"".join(map(_with_size, units))


def _av1_elements(data: bytes) -> Iterator[bytes]:
    count, at, index = data[0] >> 4 & 3, 1, 0
    while at < len(data):
        index += 1
        size = len(data) - at
        if index != count:
            size, at = _leb128(data, at)
        yield data[at : at + size]
        at += size


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return value, at


def _with_size(unit: bytes) -> bytes:
    """RTP leaves the sizes out, a decoder wants them."""
    head = 2 if unit[0] & 4 else 1
    size, coded = len(unit) - head, bytearray()
    while size > 127:
        coded.append(size & 127 | 128)
        size >>= 7
    coded.append(size)
    return bytes([unit[0] | 2]) + unit[1:head] + bytes(coded) + unit[head:]


ASSEMBLERS: dict[str, Callable[[list[bytes]], bytes]] = {
    "vp8": vp8,
    "vp9": vp9,
    "h264": h264,
    "av1": av1,
}


class Decoder:
    """Counts the pictures that the packets of one track decode to."""

    def __init__(self, codec: str) -> None:
        self.frames = 0
        self.errors = 0
        self.lost = 0
        self._next: int | None = None
        self._assemble = ASSEMBLERS[codec]
        self._context = av.CodecContext.create(DECODERS[codec], "r")
        self._timestamp: bytes | None = None
        self._payloads: list[bytes] = []

    def feed(self, packet: bytes) -> None:
        """One packet; late ones (repairs) are left out, empty ones do not count."""
        number = int.from_bytes(packet[2:4], "big")
        ahead = 0 if self._next is None else (number - self._next) & 0xFFFF
        if ahead >= 0x8000:
            return
        self.lost += ahead
        self._next = (number + 1) & 0xFFFF
        if packet[4:8] != self._timestamp:
            self._picture()
            self._timestamp = packet[4:8]
        if data := payload(packet):
            self._payloads.append(data)

    def _picture(self) -> None:
        payloads, self._payloads = self._payloads, []
        if not payloads:
            return
        try:
            picture = av.Packet(self._assemble(payloads))
            self.frames += len(self._context.decode(picture))
        except (FFmpegError, IndexError):
            self.errors += 1
