"""NAL units out of the payloads of one frame (RFC 6184 section 5, RFC 7798 section 4).

A payload is one unit, several of them, or a piece of one; both formats differ in
nothing but where the type stands and how long the headers are, so one walk does for
both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from meshproto.errors import DecodeError

UNIT_BYTES_MAX = 8_000_000


@dataclass(frozen=True, slots=True)
class Format:
    """`header` octets before a unit's data; `aggregate` and `fragment` are the types
    of payloads that hold several units or a piece, `last` the highest of a plain one.
    """

    header: int
    aggregate: int
    fragment: int
    last: int
    kind: Callable[[bytes], int]
    restored: Callable[[bytes], bytes]


def _h264_kind(unit: bytes) -> int:
    return unit[0] & 31


def _h264_restored(payload: bytes) -> bytes:
    """The header of the unit that a fragment belongs to (RFC 6184 section 5.8)."""
    return bytes((payload[0] & 0xE0 | payload[1] & 31,))


def _h265_kind(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def _h265_restored(payload: bytes) -> bytes:
    """The same of RFC 7798 section 4.4.3."""
    return bytes((payload[0] & 0x81 | (payload[2] & 63) << 1, payload[1]))


H264 = Format(1, 24, 28, 23, _h264_kind, _h264_restored)
H265 = Format(2, 48, 49, 47, _h265_kind, _h265_restored)


def units(format_: Format, payloads: Sequence[bytes]) -> list[bytes]:
    """The units of a frame, in order.  Raises `DecodeError`."""
    found: list[bytes] = []
    fragment: bytearray | None = None
    for payload in payloads:
        if len(payload) <= format_.header:
            raise DecodeError("unit_cut")
        kind = format_.kind(payload)
        if kind == format_.fragment:
            fragment = _piece(format_, payload, fragment, found)
        elif fragment is not None:
            raise DecodeError("unit_unfinished")
        elif kind == format_.aggregate:
            found += _aggregated(format_, payload)
        elif kind <= format_.last:
            found.append(payload)
        else:
            raise DecodeError("unit_type", str(kind))
    if fragment is not None or not found:
        raise DecodeError("unit_unfinished")
    return found


def _piece(
    format_: Format, payload: bytes, begun: bytearray | None, found: list[bytes]
) -> bytearray | None:
    """Add a fragment to the unit that was `begun`; what is still unfinished."""
    marks = payload[format_.header]
    first, last = bool(marks & 0x80), bool(marks & 0x40)
    if first != (begun is None):
        raise DecodeError("unit_fragments")
    unit = bytearray(format_.restored(payload)) if begun is None else begun
    unit += payload[format_.header + 1 :]
    if len(unit) > UNIT_BYTES_MAX:
        raise DecodeError("unit_size")
    if not last:
        return unit
    found.append(bytes(unit))
    return None


def _aggregated(format_: Format, payload: bytes) -> Iterator[bytes]:
    at = format_.header
    while at < len(payload):
        begin = at + 2
        at = begin + int.from_bytes(payload[begin - 2 : begin], "big")
        if at <= begin or at > len(payload):
            raise DecodeError("unit_aggregate")
        yield payload[begin:at]
