"""The protobuf wire format, as much as libp2p's messages need (RFC 0008 section 3.1).

A message is a row of fields, each a tag and a value.  `fields` walks one in a single
pass, total and bounded by its input; the writers make the pieces that `b"".join` puts
together.  Groups, which no message of libp2p has, and the reserved wire types refuse.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshproto.errors import DecodeError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIELD_NUMBER_MAX = (1 << 29) - 1
_FIXED = {FIXED64: 8, FIXED32: 4}
_UINT64 = (1 << 64) - 1
Value = int | bytes
"""A varint, or the octets of any other field."""


def read_varint(data: bytes, at: int = 0) -> tuple[int, int]:
    """The unsigned integer at `at` and the offset behind it; at most ten octets."""
    value = shift = 0
    for octet in data[at : at + 10]:
        value |= (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            if value > _UINT64:
                break
            return value, at + shift // 7
    raise DecodeError("protobuf-varint")


def read_length(data: bytes, at: int = 0) -> tuple[int, int]:
    """A multiformats length at `at`: like a varint, minimal, at most nine octets."""
    value, end = read_varint(data, at)
    if end - at > 9 or (end - at > 1 and data[end - 1] == 0):
        raise DecodeError("protobuf-length")
    return value, end


def write_varint(value: int) -> bytes:
    """`value` (0 to 2^64 - 1) in as few octets as it takes."""
    if value < 0x80:
        return bytes((value,))
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def fields(data: bytes) -> Iterator[tuple[int, int, Value]]:
    """Every field as (number, wire type, value), in order; raises `DecodeError`."""
    at, end = 0, len(data)
    while at < end:
        # why not read_varint alone: nearly all tags and lengths are single octets
        tag = data[at]
        if tag < 0x80:
            at += 1
        else:
            tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number <= FIELD_NUMBER_MAX:
            raise DecodeError("protobuf-tag")
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield number, kind, value
            continue
        if kind == BYTES:
            if at < end and data[at] < 0x80:
                size = data[at]
                at += 1
            else:
                size, at = read_varint(data, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise DecodeError("protobuf-wire-type")
        if size > end - at:
            raise DecodeError("protobuf-length")
        yield number, kind, data[at : at + size]
        at += size


def octets_field(number: int, value: bytes) -> bytes:
    """A length-delimited field: octets, a string's UTF-8, or a nested message."""
    return write_varint(number << 3 | BYTES) + write_varint(len(value)) + value


def varint_field(number: int, value: int) -> bytes:
    """An unsigned integer field."""
    return write_varint(number << 3 | VARINT) + write_varint(value)
