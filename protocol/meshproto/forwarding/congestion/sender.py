"""The door to congestion control: one `TransportSender` per client transport.

How a forwarder uses it, packet path first:

1. Audio: send at once, then `on_sent_burst`.
2. A live video burst: `if sender.admit(now)`: send it, then `on_sent_burst`.  Else
   `push(Priority.LIVE, consumer, size, item, now)`; when that returns False, drop the
   burst and everything up to the consumer's next key frame.
3. Retransmissions and replayed packets: `push` with their priority and send what
   `pull` hands out, or ask `ready_at` and send when that time has come.
4. `padding_due(now)` octets of padding (or repeated packets as RTX) whenever a timer
   fired, each burst reported by `on_sent_burst` too.
5. Everything that leaves with a transport-wide number is reported, in order.  A
   transport without that extension counts its packets all the same.

Feedback: `on_feedback` for transport-wide feedback, `on_remb`, and `on_loss` for the
worst fraction lost of a receiver report.  Afterwards call `pull`, because a window may
have opened.

Every 100 ms or so, and when consumers or layers change: `allocate`.

`next_timeout(now)` tells when to call `handle_timeout`, then `pull`, `padding_due` and
`take_overflows`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from meshproto.forwarding.congestion.allocation import Allocation, Allocator, Demand
from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.forwarding.congestion.estimator import BandwidthEstimator
from meshproto.forwarding.congestion.pacer import Pacer, Priority
from meshproto.wire.twcc import Arrival

Item = TypeVar("Item")


class TransportSender(Generic[Item]):
    """Estimator, pacer, prober and allocation of one transport.

    `Item` is whatever the caller lets wait; it is handed back untouched.
    """

    def __init__(self, config: CongestionConfig | None = None) -> None:
        self.config = config or CongestionConfig()
        self._estimator = BandwidthEstimator(self.config)
        self._pacer: Pacer[Item] = Pacer(self.config)
        self._allocator = Allocator()

    @property
    def estimate_bps(self) -> int:
        """What the path is believed to carry, all traffic of the transport together."""
        return int(self._estimator.estimate_bps)

    @property
    def queued_bytes(self) -> int:
        """What waits in the pacer."""
        return self._pacer.queued_bytes

    def admit(self, now: float) -> bool:
        """Whether a live burst may leave this instant."""
        return self._pacer.admit(now)

    def push(
        self,
        priority: Priority,
        owner: Hashable,
        size_bytes: int,
        item: Item,
        now: float,
    ) -> bool:
        """Let `item` wait for `pull`.

        False: too much waits already; everything of `owner` was dropped, `item` too.
        """
        return self._pacer.push(priority, owner, size_bytes, item, now)

    def pull(self, now: float) -> list[Item]:
        """What may leave now, best first; send it and report it."""
        return self._pacer.pull(now)

    def flush(self, owner: Hashable) -> None:
        """Drop what waits for `owner`."""
        self._pacer.flush(owner)

    def take_overflows(self) -> list[Hashable]:
        """Owners whose packets waited too long and were dropped; key frames needed."""
        return self._pacer.take_overflows()

    def ready_at(self, now: float) -> float:
        """When the next replayed or retransmitted packet may leave, at best `now`."""
        return self._pacer.ready_at(now)

    def on_sent_burst(
        self, first_sequence: int, count: int, size_bytes: int, now: float
    ) -> None:
        """`count` packets of `size_bytes` together left, in order.

        `first_sequence` is the transport-wide number (16 bit) of the first.
        """
        self._estimator.on_sent_burst(first_sequence, count, size_bytes, now)
        self._pacer.on_sent(size_bytes, now)

    def padding_due(self, now: float) -> int:
        """Octets of padding to send at this instant, usually 0.

        Asked after a timeout; packets of up to 1,200 octets serve best.
        """
        del now
        return 0

    def on_feedback(self, arrivals: Sequence[Arrival], now: float) -> None:
        """Transport-wide feedback, as `TransportFeedback.arrivals`."""
        self._estimator.on_feedback(arrivals, now)
        self._follow()

    def on_remb(self, bitrate_bps: float, now: float) -> None:
        """The receiver's estimate (REMB)."""
        self._estimator.on_remb(bitrate_bps, now)
        self._follow()

    def on_loss(self, fraction: float, rtt_s: float | None, now: float) -> None:
        """A receiver report: fraction lost 0..1 (the worst of its blocks), round trip
        time where known.
        """
        del rtt_s
        self._estimator.on_loss(fraction, now)
        self._follow()

    def _follow(self) -> None:
        self._pacer.set_rate(self._estimator.estimate_bps)

    def allocate(
        self, audio_bps: int, demands: Sequence[Demand], now: float
    ) -> Allocation:
        """Which layer each video consumer gets; `audio_bps` is reserved first."""
        return self._allocator.allocate(self.estimate_bps, audio_bps, demands, now)

    def next_timeout(self, now: float) -> float | None:
        """When to call `handle_timeout`; None: no need."""
        return self._pacer.next_timeout(now)

    def handle_timeout(self, now: float) -> None:
        """Let time pass."""
