"""How far, how lossy and how alive a neighbour is (RFC 0005 section 6).

The driver checks the path and reports each answer or miss; here they are smoothed and
judged.  The weight of a sample grows with the time since the last one, so that fast
checks of a tree link and slow ones of an idle link smooth over the same seconds.
Loss is counted by the same checks: a repetition of one that was missed asks whether the
link lives, which is suspicion's to judge, and says nothing of the share that is lost.
Nothing here has a timer: a link goes down at a report of a miss, or at the one deadline
that `down_at` gives when misses came faster than silence.
"""

from __future__ import annotations

import math

from meshproto.config.link import LinkConfig

NEVER = math.inf


class Quality:
    """Round trip, loss and liveness of one link."""

    __slots__ = (
        "_calm_jitter_s",
        "_config",
        "_least_s",
        "_limit_s",
        "_sampled_at",
        "_since",
        "_told_rtt_s",
        "heard_at",
        "jitter_s",
        "loss",
        "rtt_s",
        "suspect",
        "told_loss",
        "unanswered",
    )

    def __init__(self, config: LinkConfig, rtt_s: float, now: float) -> None:
        self._config = config
        self._sampled_at = now
        self._told_rtt_s = self.rtt_s = rtt_s
        self.loss = 0.0
        self.told_loss = 0.0
        """The loss that the owner was told of last: what it reckons with."""
        self._since: float | None = None
        self._limit_s = self._least_s = self._calm_jitter_s = 0.0
        self.jitter_s = 0.0
        """Mean deviation of the round trip from its smoothed value."""
        self.heard_at = now
        """When the last authenticated datagram came."""
        self.unanswered = 0
        """Checks in a row without an answer."""
        self.suspect = False

    def greeted(self, rtt_s: float) -> None:
        """The greeting took `rtt_s`: the lesser of two single samples is the truer."""
        self.rtt_s = min(self.rtt_s, rtt_s) if self.rtt_s > 0.0 else rtt_s

    def answered(self, rtt_s: float, now: float) -> None:
        """A check was answered after `rtt_s`."""
        config = self._config
        stepped = self._stepped(rtt_s, now)
        gap_s = min(max(now - self._sampled_at, 0.0), config.sample_gap_max_s)
        weight = 1.0 - (1.0 - config.smoothing_per_s) ** gap_s
        self.jitter_s += weight * (abs(rtt_s - self.rtt_s) - self.jitter_s)
        self.rtt_s += weight * (rtt_s - self.rtt_s)
        if stepped:
            self.rtt_s = max(self.rtt_s, self._least_s)
            self.jitter_s = self._calm_jitter_s
            self._since = None
        if not self.unanswered:
            self.loss -= config.loss_smoothing * self.loss
        self._sampled_at = self.heard_at = now
        self.unanswered = 0

    def _stepped(self, rtt_s: float, now: float) -> bool:
        """Whether the path became longer for good: samples were far above what was
        usual when that began, all of them, for a while.
        """
        config = self._config
        if self._since is not None and rtt_s > self._limit_s:
            self._least_s = min(self._least_s, rtt_s)
            return now - self._since >= config.step_held_s
        above_s = max(config.step_s, config.step_jitters * self.jitter_s)
        self._limit_s, self._least_s = self.rtt_s + above_s, rtt_s
        self._calm_jitter_s = self.jitter_s
        self._since = now if rtt_s > self._limit_s else None
        return False

    def missed(self) -> None:
        """A check was not answered in time."""
        if not self.unanswered:
            # why not repetitions: a silence is no loss; it kept routes away for a
            # minute, and that of a dead link was told to the mesh in a dozen steps
            self.loss += self._config.loss_smoothing * (1.0 - self.loss)
        self.unanswered += 1

    def down_at(self, tree: bool) -> float:
        """When the link is down if nothing comes; `NEVER` while checks are answered."""
        config = self._config
        if self.unanswered < config.down_checks:
            return NEVER
        silence_s = config.tree_silence_s if tree else config.idle_silence_s
        return self.heard_at + silence_s

    def moved(self) -> bool:
        """Whether the owner should look; what it sees then is the new reference."""
        config = self._config
        step_s = abs(self.rtt_s - self._told_rtt_s)
        limit_s = max(config.moved_s, config.moved_share * self._told_rtt_s)
        farther = step_s >= limit_s
        lossier = abs(self.loss - self.told_loss) >= config.moved_loss
        # why apart: else each move of the round trip would tell the noise of the loss
        if farther:
            self._told_rtt_s = self.rtt_s
        if lossier:
            self.told_loss = self.loss
        return farther or lossier

    def patience_s(self) -> float:
        """How long an acknowledgement may take, its own delay included."""
        config = self._config
        spread_s = max(4.0 * self.jitter_s, self.rtt_s / 4.0)
        patience_s = max(self.rtt_s + spread_s, config.resend_min_s)
        return patience_s + config.ack_delay_s
