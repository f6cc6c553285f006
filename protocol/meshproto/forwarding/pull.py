"""What one simulcast track asks of the mesh, and what its layers would cost.

A layer that is not pulled cannot be measured.  Its price is what it cost last, else a
guess from the layer below; a guess that was too low is found out when the layer comes.
A layer that was asked for in vain counts as not sent for a while (`pulling` decides).
"""

from __future__ import annotations

from collections.abc import Iterable

SETTLED_S = 1.5
"""What was pulled so long has a true price: the cache that it began with has left the
window of the rate meters.
"""

STEP = 4
"""A layer is guessed to cost so many times the one below: half as wide and high."""

LOWEST_BPS = 150_000
"""The guess for a lowest layer."""


class Pull:
    """What is asked of the mesh for one track.

    `rids` are all there are, cheapest first.  `told` has the pulled rids with the time
    since when, `wanted` those of use now, `used` when each was last, `barren` until
    when it counts as not sent, `prices` what each cost last.
    """

    __slots__ = ("barren", "prices", "rids", "told", "told_at", "used", "wanted")

    def __init__(self, rids: Iterable[str], now: float) -> None:
        self.rids = tuple(rids)
        # why the lowest: somebody may come, and control begins with the same
        self.told: dict[str, float] = {self.rids[0]: now}
        self.told_at = now
        self.wanted: dict[str, None] = {}
        self.used: dict[str, float] = {}
        self.barren: dict[str, float] = {}
        self.prices: dict[str, int] = {}

    def is_barren(self, rid: str, now: float) -> bool:
        """Whether nobody seems to send it."""
        return self.barren.get(rid, now) > now

    def price_bps(self, rid: str, now: float) -> int:
        """What a layer that does not come would cost; 0 where nobody sends it."""
        price = 0
        for name in self.rids:
            price = self.prices.get(name) or STEP * price or LOWEST_BPS
            if name == rid:
                break
        return 0 if self.is_barren(rid, now) else price

    def learn(self, rid: str, bitrate_bps: int, now: float) -> int:
        """A layer comes at this rate; what it costs."""
        if now - self.told.get(rid, now) < SETTLED_S:
            return min(bitrate_bps, self.price_bps(rid, now) or bitrate_bps)
        self.prices[rid] = bitrate_bps
        self.barren.pop(rid, None)
        return bitrate_bps
