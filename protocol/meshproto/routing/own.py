"""The node itself as an origin: its number, its signature, how often it may rise.

RFC 0010 section 5.1.  A number rises by one when somebody asks for a newer one, and
when the node becomes an origin again, but at most once a second.
"""

from __future__ import annotations

from collections.abc import Callable

from meshproto.ids import NodeId
from meshproto.routing.distance import Version
from meshproto.routing.table import Heard
from meshproto.seqno import following, newer
from meshproto.wire.control.routing import signed_part

Sign = Callable[[bytes], bytes]


class Own:
    """The route to itself that an origin tells its neighbours."""

    __slots__ = ("_interval_s", "_raised_at", "_sign", "active", "route")

    def __init__(self, me: NodeId, epoch: int, sign: Sign, interval_s: float) -> None:
        self._sign = sign
        self._interval_s = interval_s
        self._raised_at: float | None = None
        self.active = False
        self.route = Heard(me, me)
        self.route.refmetric = self.route.metric = 0
        self.route.version = (epoch, 0)

    def may_raise_at(self, now: float) -> float:
        """When the number may rise; `now` if it may at once."""
        if self._raised_at is None:
            return now
        return max(now, self._raised_at + self._interval_s)

    def begin(self, now: float) -> None:
        """Become an origin; distances that others kept must not stand in the way."""
        self.active = True
        if not self.route.signature:
            self._number(self.route.version)
        elif self.may_raise_at(now) <= now:
            self.raise_number(now)

    def next_version(self) -> Version:
        """What the number will be after it was raised."""
        epoch, seqno = self.route.version
        return epoch, following(seqno)

    def behind(self, wanted: Version) -> bool:
        """Whether `wanted` is a number of this epoch that was not reached yet."""
        epoch, seqno = self.route.version
        return wanted[0] == epoch and newer(wanted[1], seqno)

    def raise_number(self, now: float) -> None:
        """The next number, signed."""
        self._raised_at = now
        self._number(self.next_version())

    def _number(self, version: Version) -> None:
        self.route.version = version
        self.route.signature = self._sign(signed_part(self.route.origin, *version))
