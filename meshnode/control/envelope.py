"""What nodes exchange besides frames and gossip: descriptors, peers, short messages.

One libp2p protocol carries all, and descriptors travel through neighbours as well,
where question and answer are separate records.  The first octet tells them apart (RFC
0005 section 5.4): for a descriptor it is the first octet of its seal, so a descriptor
needs no room around it.
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

    DIAL = 1  # a sealed descriptor that asks for a link
    ANSWER = 2  # a sealed descriptor that answers one
    REFUSED = 3  # a label of lower case letters and hyphens: it could not be read
    PEERS = 4  # signed peer records, and asks for some
    SAID = 5  # a message of a room's member (`saying`); the answer is the octet alone


def kind_of(payload: bytes) -> Kind:
    """What `payload` is; raises `DecodeError`."""
    try:
        return Kind(payload[0])
    except (IndexError, ValueError) as error:
        raise DecodeError("envelope-kind") from error


def refusal(label: str) -> bytes:
    """The payload that says why there is no answer."""
    return bytes((Kind.REFUSED.value,)) + label.encode()[:LABEL_OCTETS_MAX]


def label_of(payload: bytes) -> str:
    """The label of a refusal; anything odd is "refused"."""
    text = payload[1 : LABEL_OCTETS_MAX + 2].decode("ascii", "replace")
    return text if _LABEL.fullmatch(text) else "refused"


def build_peers(peers: list[PeerRecord]) -> bytes:
    """The payload that tells some peers, the own record first."""
    packed: bytes = msgpack.packb([build_peer(peer) for peer in peers[:PEERS_MAX]])
    return bytes((Kind.PEERS.value,)) + packed


def parse_peers(payload: bytes) -> list[PeerRecord]:
    """The records, their signatures not looked at; raises `DecodeError`."""
    if kind_of(payload) is not Kind.PEERS:
        raise DecodeError("envelope-kind")
    try:
        plain = msgpack.unpackb(payload[1:], raw=False, strict_map_key=True)
    except Exception as error:  # why all: msgpack raises many kinds for bad input
        raise DecodeError("envelope-peers") from error
    if not isinstance(plain, list) or len(plain) > PEERS_MAX:
        raise DecodeError("envelope-peers")
    if not all(isinstance(item, bytes) for item in plain):
        raise DecodeError("envelope-peers")
    return [parse_peer(item) for item in plain]
