"""When a path in use is checked, and what counts as unanswered (RFC 0005 section 6.1).

One check is under way at a time.  It is answered, or its patience of two round trips
ends: then it counts as unanswered and is repeated once, and the next turn comes at its
regular time.  So a dead tree link has its four misses in two turns, and a path that
lost one packet has its answer two round trips later.  An answer that comes after its
patience still counts: the round trip is longer than we thought.
"""

from __future__ import annotations

from meshproto.config.ice import AgentConfig

NEVER = float("inf")


class Liveness:
    """The turns of checks of one path.  Owns no clock: ask `next_at`."""

    __slots__ = (
        "_begun_at",
        "_check_at",
        "_config",
        "_patience_at",
        "_repeated",
        "answered_at",
        "interval_s",
        "misses",
    )

    def __init__(self, config: AgentConfig, now: float) -> None:
        self._config = config
        self._begun_at = now
        self._check_at = NEVER
        self._patience_at = NEVER
        self._repeated = False
        self.answered_at = now
        """When a check was last answered."""
        self.interval_s = config.interval_s
        self.misses = 0
        """Unanswered checks in a row."""

    def next_at(self) -> float:
        """When `missed` or `due` may be true."""
        return min(self._check_at, self._patience_at)

    def pace(self, interval_s: float, now: float) -> None:
        """Check every `interval_s` from now on."""
        self.interval_s = interval_s
        if self._check_at != NEVER:
            self._check_at = min(self._check_at, max(now, self._begun_at + interval_s))

    def check_now(self, now: float) -> None:
        """Begin a turn at once, unless a check is under way."""
        if self._patience_at == NEVER:
            self._check_at = now

    def due(self, now: float) -> bool:
        """Whether a check must be sent; `sent` has to follow."""
        return self._check_at <= now

    def sent(self, rtt_s: float, now: float) -> None:
        """A check of the path left; `rtt_s` is what an answer is expected to take."""
        if not self._repeated:
            self._begun_at = now
        config = self._config
        patience_s = max(config.patience_rtts * rtt_s, config.patience_min_s)
        self._check_at, self._patience_at = NEVER, now + patience_s

    def missed(self, now: float) -> bool:
        """Whether patience ended just now."""
        if self._patience_at > now:
            return False
        self.misses += 1
        self._patience_at = NEVER
        self._repeated = not self._repeated
        regular_at = self._begun_at + self.interval_s
        self._check_at = now if self._repeated else max(now, regular_at)
        return True

    def answered(self, now: float) -> None:
        """A check was answered, in time or late."""
        self.misses, self.answered_at = 0, now
        self._repeated, self._patience_at = False, NEVER
        self._check_at = max(now, self._begun_at + self.interval_s)

    def silent_at(self, heard_at: float) -> float:
        """When the path is silent if nothing more comes."""
        if self.misses < self._config.silent_misses:
            return NEVER
        return heard_at + self._config.silent_intervals * self.interval_s
