"""What stands in the packets of a leg, beside RTP itself (RFC 0003 section 13.2).

A packet of a leg has one extension of ours, first in its header: how far it may still
go, what it is of its frame, and the number that orders all packets of the stream.  It
also holds the roll-over counter of the sequence number, in the clear: with it the
receiver knows the index that SRTP needs instead of guessing it, and a wrong one fails
to authenticate.

What the two ends of a leg tell each other while no packets say it goes as RTCP APP
packets named "MESH".  Decoding is total: values, or `DecodeError`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from meshproto.errors import DecodeError
from meshproto.wire import extensions, rtcp_common
from meshproto.wire.parameters import Extension
from meshproto.wire.rtp import RtpView

MESH_ID, DESCRIPTOR_ID, LEVEL_ID, ORIENTATION_ID, DELAY_ID = 14, 13, 12, 11, 10
MESH_EXTENSIONS = (
    Extension(DESCRIPTOR_ID, extensions.DEPENDENCY_DESCRIPTOR),
    Extension(LEVEL_ID, extensions.AUDIO_LEVEL),
    Extension(ORIENTATION_ID, extensions.VIDEO_ORIENTATION),
    Extension(DELAY_ID, extensions.PLAYOUT_DELAY),
)
"""What the producers of a stream that comes over the mesh have, under which ids."""

_CARRIED = frozenset(extension.id for extension in MESH_EXTENSIONS)

HOPS_MAX = 24
SLOTS = 16
FIRST_PAYLOAD_TYPE = 96
END_OF_FRAME, KEY_FRAME = 4, 2

NUMBER_MASK = (1 << 40) - 1
"""Layer numbers (24 bits of roll-over counter) and stream numbers have 40 bits."""

APP = 204
_NAME = b"MESH"
_ENTRY = struct.Struct("!IQ")
_VALUE_BYTES = 10
_BLOCK_AT, _ONE_BYTE_AT, _TWO_BYTE_AT = 12, 17, 18
_HEAD = struct.Struct("!HHB")
_VALUE = struct.Struct("!BBBHBI")
_ONE_BYTE_HEAD = MESH_ID << 4 | _VALUE_BYTES - 1
_ALONE_BYTES = 12
_ALONE = struct.pack(
    "!HHB", extensions.ONE_BYTE_PROFILE, _ALONE_BYTES // 4, _ONE_BYTE_HEAD
)
ENTRIES_MAX = 64
"""Legs named in one APP packet: 768 octets."""


class MeshHeader(NamedTuple):
    """The mesh extension of one packet; `order` is its number in the stream."""

    hops: int
    flags: int
    epoch: int
    roll_over: int
    order: int


def encode_mesh(hops: int, flags: int, epoch: int, number: int, order: int) -> bytes:
    """The value of the extension; `number` is the layer's, of 40 bits."""
    return _VALUE.pack(
        (hops & 31) << 3 | flags & 7,
        epoch & 0xFF,
        number >> 32 & 0xFF,
        number >> 16 & 0xFFFF,
        order >> 32 & 0xFF,
        order & 0xFFFFFFFF,
    )


def decode_mesh(value: bytes) -> MeshHeader:
    """The way back.  Raises `DecodeError` for another length."""
    if len(value) != _VALUE_BYTES:
        raise DecodeError("mesh-extension")
    return _header(value, 0)


def _header(data: bytes, at: int) -> MeshHeader:
    first, epoch, roll_high, roll, high, low = _VALUE.unpack_from(data, at)
    return MeshHeader(
        first >> 3, first & 7, epoch, roll_high << 16 | roll, high << 32 | low
    )


def elements(
    packet: bytes, view: RtpView
) -> tuple[MeshHeader, list[tuple[int, bytes]]]:
    """The mesh header and what else a leg carries.  Raises `DecodeError` without one.

    Most packets carry nothing else; those are read where they stand.
    """
    at = view.extension_offset
    alone = view.extension_length == _ALONE_BYTES and packet[at] == _ONE_BYTE_HEAD
    if alone and view.extension_profile == extensions.ONE_BYTE_PROFILE:
        return _header(packet, at + 1), []
    mesh: MeshHeader | None = None
    carried: list[tuple[int, bytes]] = []
    for identifier, start, length in extensions.spans(
        packet, view.extension_profile, at, view.extension_length
    ):
        value = packet[start : start + length]
        if identifier == MESH_ID:
            mesh = decode_mesh(value)
        elif identifier in _CARRIED:
            carried.append((identifier, value))
    if mesh is None:
        raise DecodeError("mesh-extension")
    return mesh, carried


def block(mesh: bytes, carried: list[tuple[int, bytes]]) -> bytes:
    """The whole header extension of a packet, the mesh element first."""
    if not carried:
        return _ALONE + mesh + b"\0"
    elements = [(MESH_ID, mesh), *carried]
    profile = extensions.profile_for(elements)
    body = extensions.encode(profile, elements)
    return struct.pack("!HH", profile, len(body) // 4) + body


def srtp_index(packet: bytes) -> int:
    """The SRTP packet index of a protected packet of a leg, out of its clear header.

    Raises `DecodeError` where the mesh element is not where it has to be.
    """
    if len(packet) < _TWO_BYTE_AT + _VALUE_BYTES or packet[0] & 0x1F != 0x10:
        raise DecodeError("srtp-mesh")
    profile, _, first = _HEAD.unpack_from(packet, _BLOCK_AT)
    if profile == extensions.ONE_BYTE_PROFILE:
        told = first == _ONE_BYTE_HEAD
        at = _ONE_BYTE_AT
    else:
        told = extensions.is_two_byte(profile) and first == MESH_ID
        told = told and packet[_ONE_BYTE_AT] == _VALUE_BYTES
        at = _TWO_BYTE_AT
    if not told:
        raise DecodeError("srtp-mesh")
    roll_over = int.from_bytes(packet[at + 2 : at + 5], "big")
    return roll_over << 16 | packet[2] << 8 | packet[3]


Entry = tuple[int, int]
"""(alias of a leg, stream number)."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Parent to child: the newest number that the parent has, of each standby leg."""

    legs: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Parent to child: nothing to send, but alive."""


@dataclass(frozen=True, slots=True)
class Activate:
    """Child to parent: send these standby legs from these numbers on."""

    legs: tuple[Entry, ...]


Message = Heartbeat | KeepAlive | Activate

_HEARTBEAT, _KEEP_ALIVE, _ACTIVATE = 0, 1, 2


def encode(message: Message, ssrc: int) -> bytes:
    """One RTCP APP packet of `ssrc`."""
    match message:
        case Heartbeat():
            subtype, legs = _HEARTBEAT, message.legs
        case Activate():
            subtype, legs = _ACTIVATE, message.legs
        case KeepAlive():
            subtype, legs = _KEEP_ALIVE, ()
    entries = [_ENTRY.pack(alias, order & NUMBER_MASK) for alias, order in legs]
    body = ssrc.to_bytes(4, "big") + _NAME + b"".join(entries)
    return rtcp_common.frame(APP, subtype, body)


def messages(compound: bytes) -> list[Message]:
    """What an RTCP datagram says about legs; anything else in it is skipped.

    Raises `DecodeError` when it is malformed.
    """
    found: list[Message] = []
    for packet_type, subtype, body in rtcp_common.split(compound):
        if packet_type == APP and body[4:8] == _NAME:
            message = _message(subtype, body[8:])
            if message is not None:
                found.append(message)
    return found


def _message(subtype: int, data: bytes) -> Message | None:
    if subtype == _KEEP_ALIVE:
        return KeepAlive()
    if subtype not in {_HEARTBEAT, _ACTIVATE}:
        return None
    if len(data) % _ENTRY.size or not 0 < len(data) <= ENTRIES_MAX * _ENTRY.size:
        raise DecodeError("mesh-app")
    legs = tuple((a, n & NUMBER_MASK) for a, n in _ENTRY.iter_unpack(data))
    return Heartbeat(legs) if subtype == _HEARTBEAT else Activate(legs)
