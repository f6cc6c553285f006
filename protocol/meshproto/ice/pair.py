"""Two addresses that may reach each other, and what checks between them have shown.

Every check is a transaction of its own, repetitions too: each answer is then a clean
sample of the round trip, and a repetition that arrives from elsewhere, because a
translator restarted meanwhile, is no replay.
"""

from __future__ import annotations

from enum import Enum

from meshproto.config.ice import AgentConfig
from meshproto.ice.events import Local
from meshproto.ice.liveness import NEVER
from meshproto.wire.stun_attributes import Address

_SMOOTHING = 0.25


class PairState(Enum):
    """What is known of a pair."""

    WAITING = "waiting"
    PROVEN = "proven"
    FAILED = "failed"


class Pair:
    """One local end, one remote address.

    `announced`: the neighbour named the address; others were learned from its checks.
    `nominated`: the controlling side uses it.  `rtt_s` is smoothed, 0 while unknown.
    """

    __slots__ = (
        "announced",
        "attempts",
        "due_at",
        "local",
        "nominated",
        "queued",
        "remote",
        "resolved",
        "rtt_s",
        "state",
    )

    def __init__(
        self, local: Local, remote: Address, now: float, *, announced: bool
    ) -> None:
        self.local = local
        self.remote = remote
        self.announced = announced
        self.nominated = False
        self.queued = False
        self.attempts = 0
        self.due_at = now
        self.resolved = local.address
        self.rtt_s = 0.0
        self.state = PairState.WAITING

    def again(self, now: float) -> None:
        """Check the pair anew, whatever came of it before."""
        self.state, self.attempts, self.due_at = PairState.WAITING, 0, now

    def sent(self, config: AgentConfig, now: float) -> None:
        """A set-up check left."""
        wait_s = config.first_retry_s * 2.0**self.attempts
        self.due_at = now + min(wait_s, config.retry_max_s)
        self.attempts += 1

    def spent(self, config: AgentConfig) -> bool:
        """Whether no further set-up check is allowed."""
        limit = config.attempts if self.announced else config.unproven_attempts
        return self.attempts >= limit

    def failed(self) -> None:
        """Nothing answered."""
        self.state, self.due_at = PairState.FAILED, NEVER

    def answered(self, rtt_s: float) -> None:
        """A check of the pair was answered after `rtt_s`."""
        known = self.state is PairState.PROVEN and self.rtt_s > 0.0
        self.rtt_s += (rtt_s - self.rtt_s) * (_SMOOTHING if known else 1.0)
        self.state, self.due_at = PairState.PROVEN, NEVER

    def __repr__(self) -> str:
        return f"<Pair {self.local} to {self.remote} {self.state.value}>"
