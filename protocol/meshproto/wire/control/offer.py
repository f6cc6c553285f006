"""What a node offers to the children of one tree (RFC 0010 section 6).

Offers ride in route updates, one per tree of the update's origin.  A node that has no
slot left withdraws its offer at once; the route stays.
"""

from __future__ import annotations

from meshproto.ids import StreamId
from meshproto.wire.control import schema as s

OFFERS_MAX = 8


@s.structure
class Offer(s.Record):
    """`delay_s` is one way from the origin to the offering node, `slots` the children
    it still takes, `room` the free slots in its whole subtree.
    """

    stream: StreamId = s.wire(s.STREAM)
    in_tree: bool = s.wire(s.boolean())
    delay_s: float = s.wire(s.seconds(60.0))
    slots: int = s.wire(s.integer(255))
    room: int = s.wire(s.integer(65_535))


OFFER = s.nested(Offer)
"""An offer as a field of another record."""


@s.structure
class Standing(s.Record):
    """An offer to somebody who knows for which stream it is."""

    in_tree: bool = s.wire(s.boolean())
    delay_s: float = s.wire(s.seconds(60.0))
    slots: int = s.wire(s.integer(255))
    room: int = s.wire(s.integer(65_535))


STANDING = s.nested(Standing)
"""The same as a field of another record."""
