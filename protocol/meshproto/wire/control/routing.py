"""Records of routing, kinds 48-63 (RFC 0010 section 4).

All are reliable and share one ordered lane: an update replaces what the same neighbour
said about the same origin before, and a digest speaks of the updates ahead of it.
"""

from __future__ import annotations

import msgpack

from meshproto.ids import NodeId, ShortId
from meshproto.wire.control import schema as s
from meshproto.wire.control.offer import (
    OFFER,
    OFFERS_MAX,
    STANDING,
    Offer,
    Standing,
)

METRIC_INFINITE = 65_535
"""No route: an update with it is a retraction."""

SEQNO_MAX = 65_535
HOPS_MAX = 31

_CONTEXT = b"meshnode route 1"
_SEQNO = s.integer(SEQNO_MAX)
_METRIC = s.integer(METRIC_INFINITE)


def signed_part(origin: NodeId, epoch: int, seqno: int) -> bytes:
    """The octets that an origin signs for each of its sequence numbers."""
    packed: bytes = msgpack.packb([origin, epoch, seqno])
    return _CONTEXT + packed


@s.record(48)
class Update(s.Record):
    """The sender's distance to `origin` and its offers for trees of that origin.

    `refmetric` counts units of 100 microseconds, `hops` the links between origin and
    sender.  The signature is empty where the receiver has seen it for this (epoch,
    seqno), and in retractions.
    """

    origin: NodeId = s.wire(s.NODE)
    epoch: int = s.wire(s.EPOCH)
    seqno: int = s.wire(_SEQNO)
    refmetric: int = s.wire(_METRIC)
    hops: int = s.wire(s.integer(HOPS_MAX))
    offers: tuple[Offer, ...] = s.wire(s.array(OFFER, OFFERS_MAX))
    signature: bytes = s.wire(s.blob(64), default=b"")


@s.record(49)
class SeqnoRequest(s.Record):
    """Please let me have a route to `origin` numbered (epoch, seqno) or newer."""

    origin: NodeId = s.wire(s.NODE)
    epoch: int = s.wire(s.EPOCH)
    seqno: int = s.wire(_SEQNO)
    hops: int = s.wire(s.integer(HOPS_MAX, 1))


@s.record(50)
class TableDigest(s.Record):
    """Eight octets over everything that the sender holds to be told."""

    digest: bytes = s.wire(s.blob(8, 8))


@s.record(51)
class TableRequest(s.Record):
    """Please tell me everything again."""


@s.record(52)
class Want(s.Record):
    """Please carry a route to `origin` although the tables are full."""

    origin: NodeId = s.wire(s.NODE)
    hops: int = s.wire(s.integer(HOPS_MAX, 1))


@s.record(53)
class Step(s.Record):
    """What moved since the sender's last record about `origin`: the epoch and the
    streams of its offers are the same, and so is the number where none is given.
    Infinite without offers: a retraction.
    """

    origin: ShortId = s.wire(s.SHORT)
    refmetric: int = s.wire(_METRIC)
    hops: int = s.wire(s.integer(HOPS_MAX))
    offers: tuple[Standing, ...] = s.wire(s.array(STANDING, OFFERS_MAX))
    seqno: int | None = s.wire(s.optional(_SEQNO), default=None)
    signature: bytes = s.wire(s.blob(64), default=b"")


RoutingRecord = Update | SeqnoRequest | TableDigest | TableRequest | Want | Step
"""Every record that a `Router` receives."""
