"""The door to congestion control: one `TransportSender` per client transport.

How a forwarder uses it, packet path first:

1. Audio leaves at once.  A live video burst leaves if `admit`; else it stays where it
   lies, and so does what follows, until `ready_at`.  Bounding that wait is the
   forwarder's part (it knows the key frames).
2. Retransmissions, replayed packets and live ones that had to wait leave when
   `ready_at`, each with its priority, is not after now.
3. Everything that left is reported by `on_sent_burst`, in order, padding too.  A
   transport without the transport-wide extension counts its packets all the same.

Feedback: `on_feedback` for transport-wide feedback, `on_remb`, and `on_loss` for the
worst fraction lost of a receiver report.  A few times a second, when consumers or
layers change, and when feedback left it `overcommitted`: `allocate`.

`next_timeout` tells when to call `handle_timeout`, and then `padding_due`: that many
octets of padding (or of packets repeated as RTX) are to leave now.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.forwarding.congestion.allocation import Allocation, Allocator, Demand
from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.forwarding.congestion.estimator import BandwidthEstimator, Source
from meshproto.forwarding.congestion.pacer import Pacer, Priority
from meshproto.forwarding.congestion.prober import Prober
from meshproto.wire.twcc import Arrival

CEILING_FACTOR = 1.5
"""The estimate does not grow beyond this times what the best layers need."""

TIGHT = 1.05
"""Pacing factor after congestion, and while even the lowest layers need far more than
the path carries: the queue shall stand here, where whole frames are dropped."""

CALM_S = 1.0

FULL_S = 0.2
FAR = 1.25
"""One back-off leaves the estimate at 0.85: only a need beyond `FAR` times it, or a
queue of `FULL_S`, shows that lowest layers which do not fit are too much indeed."""


class TransportSender:
    """Estimator, pacer, prober and allocation of one transport."""

    __slots__ = (
        "_allocated_bps",
        "_allocator",
        "_estimator",
        "_on_sent_burst",
        "_pacer",
        "_prober",
        "admit",
        "config",
    )

    def __init__(self, config: CongestionConfig | None = None) -> None:
        self.config = config or CongestionConfig()
        self._estimator = BandwidthEstimator(self.config)
        self._on_sent_burst = self._estimator.on_sent_burst
        self._pacer = Pacer(self.config)
        self.admit = self._pacer.admit
        """Whether a live burst, however large, may leave this instant (now)."""
        self._prober = Prober()
        self._allocator = Allocator()
        self._allocated_bps = 0

    @property
    def estimate_bps(self) -> int:
        """What the path is believed to carry, all traffic of the transport together."""
        return int(self._estimator.estimate_bps)

    @property
    def overcommitted(self) -> bool:
        """What was allocated does not fit any more: `allocate` soon."""
        return self._allocated_bps > self._estimator.estimate_bps

    def ready_at(self, now: float, priority: Priority = Priority.LIVE) -> float:
        """When the next packet of that kind may leave, at best `now`."""
        return self._pacer.ready_at(now, priority)

    def on_sent_burst(
        self, first_sequence: int, count: int, size_bytes: int, now: float
    ) -> None:
        """`count` packets of `size_bytes` together left, in order.

        `first_sequence` is the transport-wide number (16 bit) of the first.
        """
        cluster = self._prober.on_sent(count, size_bytes, now)
        self._on_sent_burst(first_sequence, count, size_bytes, now, cluster)
        self._pacer.on_sent(size_bytes, now)

    def padding_due(self, now: float) -> int:
        """Octets of padding to send at this instant, usually 0.

        Asked after a timeout; packets of up to 1,200 octets serve best.
        """
        return self._prober.padding_due(now)

    def on_feedback(self, arrivals: Sequence[Arrival], now: float) -> None:
        """Transport-wide feedback, as `TransportFeedback.arrivals`."""
        estimator, prober = self._estimator, self._prober
        bursts = estimator.on_feedback(arrivals, now)
        if estimator.decreased_at == now:
            prober.postpone(now)
        else:
            proven = prober.on_seen(bursts, estimator.estimate_bps, now)
            if proven is not None:
                estimator.raise_to(proven, now)
        self._follow(now)

    def on_remb(self, bitrate_bps: float, now: float) -> None:
        """The receiver's estimate (REMB)."""
        self._estimator.on_remb(bitrate_bps, now)
        self._follow(now)

    def on_loss(self, fraction: float, rtt_s: float | None, now: float) -> None:
        """A receiver report: fraction lost 0..1 (the worst of its blocks), round trip
        time where known.
        """
        self._estimator.on_report(fraction, rtt_s, now)
        self._follow(now)

    def _follow(self, now: float) -> None:
        """Tell the parts about each other."""
        estimator, pacer = self._estimator, self._pacer
        estimate = estimator.estimate_bps
        pacer.set_rate(self._pacing_bps(estimate, now))
        pacer.held_until = estimator.held_until
        if estimator.source is Source.FEEDBACK:
            self._prober.begin(estimate, now)

    def _pacing_bps(self, estimate_bps: float, now: float) -> float:
        estimator, factor = self._estimator, self.config.pacing_factor
        if estimator.source is not Source.FEEDBACK or not estimator.met_limit:
            # nothing tells what the path carries: do not stand in the way
            return factor * max(estimate_bps, self._allocated_bps)
        full = estimator.queue_s > FULL_S or self._allocated_bps > FAR * estimate_bps
        calm = now - estimator.decreased_at > CALM_S + estimator.rtt_s
        if self._allocated_bps <= estimate_bps:
            return estimate_bps * (factor if calm else TIGHT)
        return TIGHT * estimate_bps if full else factor * self._allocated_bps

    def allocate(
        self, audio_bps: int, demands: Sequence[Demand], now: float
    ) -> Allocation:
        """Which layer each video consumer gets; `audio_bps` is reserved first."""
        estimator = self._estimator
        outcome = self._allocator.allocate(
            estimator.estimate_bps, audio_bps, demands, now
        )
        self._allocated_bps = outcome.allocated_bps
        self._prober.set_goal(outcome.wanted_bps)
        estimator.ceiling_bps = CEILING_FACTOR * max(
            outcome.best_bps, self.config.start_bps
        )
        self._follow(now)
        return outcome

    def next_timeout(self) -> float | None:
        """When to call `handle_timeout`; None: no need."""
        estimator = self._estimator
        silence = estimator.next_timeout()
        if estimator.source is not Source.FEEDBACK:
            return silence
        probe = self._prober.next_timeout(estimator.estimate_bps)
        if probe is None or silence is None:
            return silence if probe is None else probe
        return min(probe, silence)

    def handle_timeout(self, now: float) -> None:
        """Let time pass."""
        self._estimator.handle_timeout(now)
        self._prober.handle_timeout(now)
        self._follow(now)
