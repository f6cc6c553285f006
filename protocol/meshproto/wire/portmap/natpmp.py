"""NAT-PMP (RFC 6886): the questions of a host and the answers of its router.

Two questions exist: which address the router has outside, and a mapping for a port.
Answers repeat the operation with 128 added.  `decode` is total; what a router refuses
is a value with a `result` other than 0, because it is news and not a mistake.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum

from meshproto.errors import DecodeError

VERSION = 0
PORT = 5351
"""Where routers listen, for PCP as well (RFC 6886 section 3.1, RFC 6887 section 19)."""
ANSWER = 0x80
"""Added to the operation of a question."""
ADDRESS = 0
"""The operation that asks for the outside address (section 3.2)."""

_HEAD = struct.Struct("!BBHI")
_MAP = struct.Struct("!BBHHHI")
_MAPPED = struct.Struct("!BBHIHHI")
_REFUSED_OCTETS = 4


class Protocol(IntEnum):
    """What is mapped, under its IP protocol number."""

    TCP = 6
    UDP = 17


_OPERATIONS = {Protocol.UDP: 1, Protocol.TCP: 2}
_PROTOCOLS = {number: protocol for protocol, number in _OPERATIONS.items()}


@dataclass(frozen=True, slots=True)
class OutsideAddress:
    """The router's own address outside; `epoch_s` is how long it remembers."""

    address: str
    epoch_s: int


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping that stands for `lifetime_s`; 0 after a deletion."""

    protocol: Protocol
    internal_port: int
    external_port: int
    lifetime_s: int
    epoch_s: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The router says no to `operation`; `result` is never 0 (section 3.5)."""

    operation: int
    result: int


Answer = OutsideAddress | Mapped | Refused


def ask_address() -> bytes:
    """The question for the outside address."""
    return bytes((VERSION, ADDRESS))


def ask_mapping(
    protocol: Protocol, internal_port: int, external_port: int, lifetime_s: int
) -> bytes:
    """The question for a mapping; a lifetime and an outside port of 0 delete it."""
    return _MAP.pack(
        VERSION, _OPERATIONS[protocol], 0, internal_port, external_port, lifetime_s
    )


def decode(datagram: bytes) -> Answer:
    """What the router answers.  Raises `DecodeError`."""
    if len(datagram) < _REFUSED_OCTETS:
        raise DecodeError("portmap-short")
    version, operation, result = struct.unpack_from("!BBH", datagram)
    if version != VERSION:
        raise DecodeError("portmap-version")
    if not operation & ANSWER:
        raise DecodeError("portmap-question")
    operation &= ~ANSWER
    if result:
        return Refused(operation, result)
    if operation == ADDRESS:
        return _address(datagram)
    return _mapped(datagram, operation)


def _address(datagram: bytes) -> OutsideAddress:
    if len(datagram) != _HEAD.size + 4:
        raise DecodeError("portmap-length")
    _, _, _, epoch_s = _HEAD.unpack_from(datagram)
    return OutsideAddress(str(ipaddress.IPv4Address(datagram[_HEAD.size :])), epoch_s)


def _mapped(datagram: bytes, operation: int) -> Mapped:
    protocol = _PROTOCOLS.get(operation)
    if protocol is None:
        raise DecodeError("portmap-operation")
    if len(datagram) != _MAPPED.size:
        raise DecodeError("portmap-length")
    _, _, _, epoch_s, internal, external, lifetime_s = _MAPPED.unpack(datagram)
    return Mapped(protocol, internal, external, lifetime_s, epoch_s)
