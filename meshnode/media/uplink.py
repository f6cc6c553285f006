"""What leaves this machine by the media port: counted, and held below a limit.

A volunteer's limit is a promise to whoever pays for the line, so it is kept at the last
place where a datagram can be held back, whatever the brain, an admission or a burst of
repairs did before.  The bucket is a quarter of a second deep: in any 10 s at most 2.5 %
above the limit leave, plus what may not be held back.  Connectivity checks, DTLS and
RTCP always pass, and are paid for by the media that follows; without them a full line
would look like a dead one.

Octets are those of the wire: UDP and IP headers included, link layers not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

BURST_S = 0.25
"""Depth of the bucket: a key frame of 30 ms fits, and 10 s end within 2.5 %."""
DEBT_S = 1.0
"""What may be owed for control at most, so that a storm of it cannot stop media for
longer than this.
"""
HEADERS_V4, HEADERS_V6 = 28, 48


class Uplink:
    """The meter of a plane, shared by its sockets.

    `limit_bps` 0 means no limit; `octets` and `packets` count what was let out, and
    `held` the packets that were not.
    """

    __slots__ = (
        "_clock",
        "_level",
        "_seen_at",
        "held",
        "limit_bps",
        "octets",
        "packets",
    )

    def __init__(
        self, limit_bps: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit_bps = limit_bps
        self.octets = 0
        self.packets = 0
        self.held = 0
        self._clock = clock
        self._level = limit_bps / 8 * BURST_S
        self._seen_at = clock()

    def pay(self, octets: int) -> None:
        """One datagram leaves that cannot be held back, headers included."""
        self.octets += octets
        self.packets += 1
        if self.limit_bps:
            self._refill()
            floor = -self.limit_bps / 8 * DEBT_S
            self._level = max(self._level - octets, floor)

    def admit(self, sizes: Sequence[int], headers: int) -> int:
        """How many packets of a burst may leave, the first ones; they are paid."""
        count, total = len(sizes), sum(sizes) + headers * len(sizes)
        if self.limit_bps:
            self._refill()
            if total > self._level:
                count, total = self._fitting(sizes, headers)
            self._level -= total
        self.octets += total
        self.packets += count
        self.held += len(sizes) - count
        return count

    def _fitting(self, sizes: Sequence[int], headers: int) -> tuple[int, int]:
        total = 0
        for count, size in enumerate(sizes):
            if total + size + headers > self._level:
                return count, total
            total += size + headers
        return len(sizes), total

    def _refill(self) -> None:
        now = self._clock()
        rate = self.limit_bps / 8
        gained = (now - self._seen_at) * rate
        self._level = min(self._level + gained, rate * BURST_S)
        self._seen_at = now
