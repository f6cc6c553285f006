"""The records that links keep for themselves: kinds 0 to 15 (RFC 0006 section 4).

Hello, Heard and Goodbye keep their form for ever: two ends that share no version must
still be able to tell each other so.
"""

from __future__ import annotations

from meshproto.ids import NodeId
from meshproto.wire.control import schema as s

REASON_OCTETS_MAX = 24
DESCRIPTOR_OCTETS_MAX = 1_000
"""A sealed descriptor: with the record around it, it fills one segment."""
VERSION_MAX = 255


@s.record(0, reliable=False)
class Hello(s.Record):
    """Who speaks: the first record of a link, repeated until the neighbour heard it.

    Sessions of one node are ordered by (epoch, session); `sent_s` is the sender's own
    clock and comes back in `Heard`.
    """

    oldest: int = s.wire(s.integer(VERSION_MAX, 1))
    newest: int = s.wire(s.integer(VERSION_MAX, 1))
    capabilities: int = s.wire(s.integer(2**32 - 1))
    node: NodeId = s.wire(s.NODE)
    epoch: int = s.wire(s.EPOCH)
    session: int = s.wire(s.integer(2**48 - 1, 1))
    sent_s: float = s.wire(s.seconds())


@s.record(1, reliable=False)
class Heard(s.Record):
    """Answer to the Hello of `session`: its time, and how long it lay here."""

    session: int = s.wire(s.integer(2**48 - 1, 1))
    sent_s: float = s.wire(s.seconds())
    held_s: float = s.wire(s.seconds(60.0))


@s.record(2, reliable=False)
class Goodbye(s.Record):
    """The sender has closed the link; `reason` is a short label."""

    reason: str = s.wire(s.text(REASON_OCTETS_MAX))


@s.record(3)
class Introduce(s.Record):
    """Pass `descriptor`, sealed for `target`, on to it (RFC 0005 section 5)."""

    target: NodeId = s.wire(s.NODE)
    descriptor: bytes = s.wire(s.blob(DESCRIPTOR_OCTETS_MAX))


@s.record(4)
class Introduced(s.Record):
    """A descriptor that `source` asked to pass on."""

    source: NodeId = s.wire(s.NODE)
    descriptor: bytes = s.wire(s.blob(DESCRIPTOR_OCTETS_MAX))


@s.record(5)
class Unreachable(s.Record):
    """`target` is no neighbour of the sender, or takes no more: nothing was passed."""

    target: NodeId = s.wire(s.NODE)


LinkRecord = Hello | Heard | Goodbye | Introduce | Introduced | Unreachable
"""What `meshproto.link` consumes itself."""
