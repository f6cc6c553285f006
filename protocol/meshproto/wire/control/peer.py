"""The signed self-description of a node: who, where, how capable (RFC 0005 section 4).

Records of one node are ordered by (epoch, version); what it claims about its capacity
only ranks candidates, and delivery decides (RFC 0007 section 5).
"""

from __future__ import annotations

from enum import Enum

import msgpack

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire.control import schema as s

MEDIA_ADDRESSES_MAX = 4
PEER_OCTETS_MAX = 700
_CONTEXT = b"meshnode peer record 1"


class Reach(Enum):
    """How a node can be reached."""

    DIRECT = 0
    MAPPED = 1
    PUNCHED = 2
    RELAYED = 3


@s.structure
class MediaAddress(s.Record):
    """An IP address (4 or 16 octets) and UDP port of a media socket."""

    ip: bytes = s.wire(s.blob(16, 4))
    port: int = s.wire(s.integer(65_535, 1))


@s.structure
class PeerRecord(s.Record):
    """What a node says about itself.

    `copies` is how many copies of a 2.5 Mb/s stream its uplink feeds, `free` how many
    of them are not in use; `operator` names a family of nodes run by one person;
    `entry` is the base URL for viewers, empty without one; `coordinate` is Vivaldi's
    (x, y, z, height) in seconds and ranks only.
    """

    node: NodeId = s.wire(s.NODE)
    epoch: int = s.wire(s.EPOCH)
    version: int = s.wire(s.integer(2**32 - 1))
    media: tuple[MediaAddress, ...] = s.wire(
        s.array(s.nested(MediaAddress), MEDIA_ADDRESSES_MAX)
    )
    control: tuple[bytes, ...] = s.wire(s.array(s.blob(96), 4))
    reach: Reach = s.wire(s.choice(Reach))
    copies: int = s.wire(s.integer(4096))
    free: int = s.wire(s.integer(4096))
    operator: str = s.wire(s.text(64))
    entry: str = s.wire(s.text(128))
    coordinate: tuple[float, ...] = s.wire(s.array(s.number(10.0, -10.0), 4))
    signature: bytes = s.wire(s.blob(64), default=b"")

    def signed_part(self) -> bytes:
        """The octets that the signature covers."""
        packed: bytes = msgpack.packb(s.pack(self)[:-1])
        return _CONTEXT + packed

    def newer_than(self, other: PeerRecord) -> bool:
        """Whether this record replaces `other` of the same node."""
        return (self.epoch, self.version) > (other.epoch, other.version)


PEER = s.nested(PeerRecord)
"""A peer record as a field of another record."""


def parse_peer(data: bytes) -> PeerRecord:
    """A peer record that travels alone (remembered peers, PX of gossip)."""
    if len(data) > PEER_OCTETS_MAX:
        raise DecodeError("peer-size")
    try:
        fields = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except Exception as error:  # why all: msgpack raises many kinds for bad input
        raise DecodeError("peer-msgpack") from error
    return s.unpack(PeerRecord, fields)


def build_peer(peer: PeerRecord) -> bytes:
    """The octets that `parse_peer` reads."""
    packed: bytes = msgpack.packb(s.pack(peer))
    return packed
