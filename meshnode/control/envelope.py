"""What stands around a descriptor on its way (RFC 0005 section 5.4).

Descriptors and lists of peers travel over one libp2p protocol, and descriptors through
neighbours as well, where question and answer are separate records.  One octet in front
tells them apart; what follows is opaque here.
"""

from __future__ import annotations

import re
from enum import Enum

import msgpack

from meshproto.errors import DecodeError
from meshproto.wire.control.peer import PeerRecord, build_peer, parse_peer

LABEL_OCTETS_MAX = 24
PEERS_MAX = 5
"""Records of at most 700 octets each that fit into an exchange of 4 KiB."""

_LABEL = re.compile(r"[a-z-]{1,24}")


class Kind(Enum):
    """The first octet."""

    DESCRIPTOR = 1  # asks for a link
    ANSWER = 2  # the other's descriptor
    REFUSED = 3  # a label of lower case letters and hyphens
    PEERS = 4  # signed peer records, and asks for some


def seal(kind: Kind, body: bytes) -> bytes:
    """`body` with its kind in front."""
    return bytes((kind.value,)) + body


def unseal(payload: bytes) -> tuple[Kind, bytes]:
    """Kind and body; raises `DecodeError`."""
    try:
        return Kind(payload[0]), payload[1:]
    except (IndexError, ValueError) as error:
        raise DecodeError("envelope-kind") from error


def refusal(label: str) -> bytes:
    """The payload that says why there is no link."""
    return seal(Kind.REFUSED, label.encode()[:LABEL_OCTETS_MAX])


def label_of(body: bytes) -> str:
    """The label of a refusal; anything odd is "refused"."""
    text = body[: LABEL_OCTETS_MAX + 1].decode("ascii", "replace")
    return text if _LABEL.fullmatch(text) else "refused"


def build_peers(peers: list[PeerRecord]) -> bytes:
    """The payload that tells some peers, the own record first."""
    packed: bytes = msgpack.packb([build_peer(peer) for peer in peers[:PEERS_MAX]])
    return seal(Kind.PEERS, packed)


def parse_peers(body: bytes) -> list[PeerRecord]:
    """The records, their signatures not looked at; raises `DecodeError`."""
    try:
        plain = msgpack.unpackb(body, raw=False, strict_map_key=True)
    except Exception as error:  # why all: msgpack raises many kinds for bad input
        raise DecodeError("envelope-peers") from error
    if not isinstance(plain, list) or len(plain) > PEERS_MAX:
        raise DecodeError("envelope-peers")
    if not all(isinstance(item, bytes) for item in plain):
        raise DecodeError("envelope-peers")
    return [parse_peer(item) for item in plain]
