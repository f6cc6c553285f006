"""PCP (RFC 6887): the MAP question of a host and the answers of its router.

Only what a mapping needs: version 2, operation MAP, no options.  A nonce of 12 octets
names the mapping; whoever does not know it can neither renew nor delete it.  Addresses
are 16 octets, IPv4 in the mapped form (section 5).  `decode` is total; options in an
answer are ours to ignore, because no question of ours has any.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from meshproto.errors import DecodeError
from meshproto.wire.portmap.natpmp import Protocol

VERSION = 2
MAP = 1
ANSWER = 0x80
NONCE_OCTETS = 12
OCTETS_MAX = 1_100
"""The longest PCP message (section 7)."""

UNSUPPORTED_VERSION = 1
"""The result by which a router that speaks only NAT-PMP declines (appendix A)."""

_HEAD = struct.Struct("!BBBBI16s")
_ANSWER_HEAD = struct.Struct("!BBBBII12x")
_BODY = struct.Struct("!12sB3xHH16s")
_FOUR_IN_SIX = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class MapQuestion:
    """A wish for a mapping; `lifetime_s` 0 deletes it.

    `client` is the own address as the router sees it; the outside port and address are
    suggestions, 0 and "0.0.0.0" for none.
    """

    nonce: bytes
    protocol: Protocol
    client: str
    internal_port: int
    lifetime_s: int
    external_port: int = 0
    external_address: str = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """The mapping that stands for `lifetime_s`; `epoch_s`: how long it remembers."""

    nonce: bytes
    protocol: int
    internal_port: int
    external_port: int
    external_address: str
    lifetime_s: int
    epoch_s: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The router says no for `lifetime_s`; `result` is never 0 (section 7.4).

    `nonce` is empty where the answer is too short to tell which question it is for.
    """

    result: int
    lifetime_s: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """The router does not speak version 2, but this one (section 9)."""

    version: int


Answer = MapAnswer | Refused | OtherVersion


def encode(question: MapQuestion) -> bytes:
    """The question as octets."""
    head = _HEAD.pack(
        VERSION, MAP, 0, 0, question.lifetime_s, _sixteen(question.client)
    )
    body = _BODY.pack(
        question.nonce,
        question.protocol,
        question.internal_port,
        question.external_port,
        _sixteen(question.external_address),
    )
    return head + body


def decode(datagram: bytes) -> Answer:
    """What the router answers.  Raises `DecodeError`."""
    if len(datagram) < 4:
        raise DecodeError("portmap-short")
    if len(datagram) > OCTETS_MAX:
        raise DecodeError("portmap-length")
    version, operation = datagram[0], datagram[1]
    if not operation & ANSWER:
        raise DecodeError("portmap-question")
    if version != VERSION:
        return OtherVersion(version)
    if len(datagram) < _ANSWER_HEAD.size or len(datagram) % 4:
        raise DecodeError("portmap-length")
    _, _, _, result, lifetime_s, epoch_s = _ANSWER_HEAD.unpack_from(datagram)
    body = datagram[_ANSWER_HEAD.size :]
    if result == UNSUPPORTED_VERSION:
        return OtherVersion(version)
    if result:
        whole = len(body) >= _BODY.size
        return Refused(result, lifetime_s, body[:NONCE_OCTETS] if whole else b"")
    return _mapped(operation, body, lifetime_s, epoch_s)


def _mapped(operation: int, body: bytes, lifetime_s: int, epoch_s: int) -> MapAnswer:
    if operation & ~ANSWER != MAP:
        raise DecodeError("portmap-operation")
    if len(body) < _BODY.size:
        raise DecodeError("portmap-length")
    nonce, protocol, internal, external, outside = _BODY.unpack_from(body)
    return MapAnswer(
        nonce, protocol, internal, external, _text(outside), lifetime_s, epoch_s
    )


def _sixteen(address: str) -> bytes:
    packed = ipaddress.ip_address(address).packed
    return packed if len(packed) == 16 else _FOUR_IN_SIX + packed


def _text(octets: bytes) -> str:
    if octets.startswith(_FOUR_IN_SIX):
        return str(ipaddress.IPv4Address(octets[12:]))
    return str(ipaddress.IPv6Address(octets))
