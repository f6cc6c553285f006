"""What two nodes must know of each other for an association (RFC 0005 section 5.1).

A descriptor names the sender's end: ICE credentials, candidates, the fingerprint of its
DTLS certificate, and its peer record.  It is signed by the sender's NodeId *for one
receiver*, so that nobody can pass it on as meant for himself, and sealed to that
receiver; here are the octets inside the seal.  The answer has the same form and names
the nonce that it answers, or says why there will be no link.
"""

from __future__ import annotations

from enum import Enum

import msgpack

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire.control import schema as s
from meshproto.wire.control.link import REASON_OCTETS_MAX, VERSION_MAX
from meshproto.wire.control.peer import PEER, MediaAddress, PeerRecord

CANDIDATES_MAX = 8
NONCE_OCTETS = 16
FINGERPRINT_OCTETS = 32
PLAIN_OCTETS_MAX = 951
"""1,000 octets sealed (RFC 0006 section 4.2), less 49 of the seal."""

_CONTEXT = b"meshnode link descriptor 1"


class Aim(Enum):
    """What the dialler wants the link for (RFC 0007 section 6)."""

    OVERLAY = 0
    TREE = 1


@s.structure
class LinkDescriptor(s.Record):
    """One end of an association to be.

    `session` numbers the descriptors of a node within its epoch and rises; `expires_ms`
    is wall time since 1970.  `answers` is the nonce of the descriptor that this one
    answers, empty in one that dials.  `refused` says why there will be no link; the
    credentials mean nothing then.  `fingerprint` is SHA-256.
    """

    session: int = s.wire(s.integer(2**48 - 1, 1))
    oldest: int = s.wire(s.integer(VERSION_MAX, 1))
    newest: int = s.wire(s.integer(VERSION_MAX, 1))
    capabilities: int = s.wire(s.integer(2**32 - 1))
    ufrag: str = s.wire(s.text(32))
    pwd: str = s.wire(s.text(64))
    candidates: tuple[MediaAddress, ...] = s.wire(
        s.array(s.nested(MediaAddress), CANDIDATES_MAX)
    )
    fingerprint: bytes = s.wire(s.blob(FINGERPRINT_OCTETS, FINGERPRINT_OCTETS))
    nonce: bytes = s.wire(s.blob(NONCE_OCTETS, NONCE_OCTETS))
    answers: bytes = s.wire(s.blob(NONCE_OCTETS))
    expires_ms: int = s.wire(s.EPOCH)
    aim: Aim = s.wire(s.choice(Aim))
    refused: str = s.wire(s.text(REASON_OCTETS_MAX))
    peer: PeerRecord = s.wire(PEER)
    signature: bytes = s.wire(s.blob(64), default=b"")

    def signed_part(self, receiver: NodeId) -> bytes:
        """The octets that the signature covers."""
        packed: bytes = msgpack.packb([receiver, *s.pack(self)[:-1]])
        return _CONTEXT + packed


def parse_descriptor(data: bytes) -> LinkDescriptor:
    """The descriptor in an opened seal; raises `DecodeError`."""
    if len(data) > PLAIN_OCTETS_MAX:
        raise DecodeError("descriptor-size")
    try:
        fields = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except Exception as error:  # why all: msgpack raises many kinds for bad input
        raise DecodeError("descriptor-msgpack") from error
    return s.unpack(LinkDescriptor, fields)


def build_descriptor(descriptor: LinkDescriptor) -> bytes:
    """The octets that `parse_descriptor` reads; `DecodeError` if they are too many."""
    packed: bytes = msgpack.packb(s.pack(descriptor))
    if len(packed) > PLAIN_OCTETS_MAX:
        raise DecodeError("descriptor-size")
    return packed
