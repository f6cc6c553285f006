"""How much the path to one client carries, in bit/s."""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.wire.twcc import Arrival


class BandwidthEstimator:
    """The estimate; `on_` methods take what was learnt."""

    def __init__(self, config: CongestionConfig) -> None:
        self._config = config
        self.estimate_bps = float(config.start_bps)
        self.outstanding_bytes = 0

    def on_sent_burst(
        self, first_sequence: int, count: int, size_bytes: int, now: float
    ) -> None:
        """`count` packets left together, numbered from `first_sequence` (16 bit)."""

    def on_feedback(self, arrivals: Sequence[Arrival], now: float) -> None:
        """A transport-wide feedback arrived."""

    def on_remb(self, bitrate_bps: float, now: float) -> None:
        """The receiver's own estimate arrived."""
        config = self._config
        self.estimate_bps = min(max(bitrate_bps, config.min_bps), config.max_bps)

    def on_loss(self, fraction: float, now: float) -> None:
        """A receiver report arrived."""
