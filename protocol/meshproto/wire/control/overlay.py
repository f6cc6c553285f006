"""Records of the overlay (RFC 0007 section 3): kinds 16-31.

Signed peer records travel inside, so who passes one on can neither change nor invent
it; it can only lie about the age.
"""

from __future__ import annotations

from typing import TypeAlias

from meshproto.ids import ShortId
from meshproto.wire.control import schema as s
from meshproto.wire.control.peer import PEER, PeerRecord

TIPS_MAX = 8
SKIP_MAX = 40
AGE_MAX_S = 86_400.0

_TOKEN = s.integer(2**32 - 1)


@s.structure
class Tip(s.Record):
    """A peer worth knowing.

    `age_s` is how long ago the teller or somebody before it last heard from the peer;
    `linked` says that the teller has a link to it and can introduce.
    """

    peer: PeerRecord = s.wire(PEER)
    age_s: float = s.wire(s.seconds(AGE_MAX_S))
    linked: bool = s.wire(s.boolean())


_TIPS = s.array(s.nested(Tip), TIPS_MAX)


@s.record(16, reliable=True)
class PeerUpdate(s.Record):
    """The sender's own record: on a new link at once, later when it changed."""

    peer: PeerRecord = s.wire(PEER)


@s.record(17, reliable=True, bulk=True)
class ShuffleRequest(s.Record):
    """Some peers of mine; answer with some of yours."""

    token: int = s.wire(_TOKEN)
    tips: tuple[Tip, ...] = s.wire(_TIPS)


@s.record(18, reliable=True, bulk=True)
class ShuffleAnswer(s.Record):
    """The other half of a shuffle."""

    token: int = s.wire(_TOKEN)
    tips: tuple[Tip, ...] = s.wire(_TIPS)


@s.record(19, reliable=True)
class RingQuery(s.Record):
    """Which members are about `rtt_s` from you, as I am?  Not those in `skip`."""

    token: int = s.wire(_TOKEN)
    rtt_s: float = s.wire(s.seconds(10.0))
    skip: tuple[ShortId, ...] = s.wire(s.array(s.SHORT, SKIP_MAX))


@s.record(20, reliable=True, bulk=True)
class RingAnswer(s.Record):
    """Up to six such members, the best match first."""

    token: int = s.wire(_TOKEN)
    tips: tuple[Tip, ...] = s.wire(_TIPS)


@s.record(21, reliable=True)
class Guest(s.Record):
    """The link is for questions only: I have no room, and close it in `stay_s`."""

    stay_s: float = s.wire(s.seconds(60.0))


@s.record(22, reliable=True)
class Alone(s.Record):
    """From a guest: I have no link to a capable node but this one."""


@s.record(23, reliable=True)
class Stay(s.Record):
    """To a guest: you are none any more, the link lasts."""


OverlayRecord: TypeAlias = (
    PeerUpdate
    | ShuffleRequest
    | ShuffleAnswer
    | RingQuery
    | RingAnswer
    | Guest
    | Alone
    | Stay
)
"""Everything that `Overlay.receive` takes."""
