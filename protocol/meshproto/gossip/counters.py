"""What a neighbour did in one topic, fading with time (RFC 0008 section 6.1).

Counters fade by a factor per tick.  They are not touched on every tick: each set knows
the tick it was brought up to, and the factor is raised to the ticks since when somebody
looks.  An idle neighbour costs nothing.
"""

from __future__ import annotations

from meshproto.config.gossip import TopicScore


def faded(value: float, factor: float, ticks: int, to_zero: float) -> float:
    """`value` after `ticks` ticks; what falls below `to_zero` is 0."""
    if not value:
        return 0.0
    value *= factor**ticks
    return 0.0 if value < to_zero else value


class TopicCounters:
    """P1 to P4 of one neighbour in one topic."""

    __slots__ = ("failures", "first", "grafted_at", "invalid", "meshed", "tick")

    def __init__(self, tick: int) -> None:
        self.tick = tick
        self.grafted_at: float | None = None
        self.first = self.meshed = self.failures = self.invalid = 0.0

    def bring(self, rule: TopicScore, tick: int, to_zero: float) -> None:
        """Fade everything up to `tick`."""
        ticks = tick - self.tick
        if ticks <= 0:
            return
        self.tick = tick
        self.first = faded(
            self.first, rule.first_message_deliveries_decay, ticks, to_zero
        )
        self.meshed = faded(
            self.meshed, rule.mesh_message_deliveries_decay, ticks, to_zero
        )
        self.failures = faded(
            self.failures, rule.mesh_failure_penalty_decay, ticks, to_zero
        )
        self.invalid = faded(
            self.invalid, rule.invalid_message_deliveries_decay, ticks, to_zero
        )

    def deficit(self, rule: TopicScore, at: float) -> float:
        """The squared shortfall of deliveries in the mesh, seen at tick time `at`."""
        if self.grafted_at is None:
            return 0.0
        if at - self.grafted_at <= rule.mesh_message_deliveries_activation_s:
            return 0.0
        short = rule.mesh_message_deliveries_threshold - self.meshed
        return short * short if short > 0 else 0.0

    def leave_mesh(self, rule: TopicScore, at: float) -> None:
        """End the time in the mesh; a shortfall becomes a lasting failure (P3b)."""
        self.failures += self.deficit(rule, at)
        self.grafted_at = None

    def score(self, rule: TopicScore, at: float) -> float:
        """The weighted sum of P1 to P4, without the weight of the topic."""
        total = self.first * rule.first_message_deliveries_weight
        if self.grafted_at is not None:
            if rule.time_in_mesh_weight and at > self.grafted_at:
                quanta = (at - self.grafted_at) / rule.time_in_mesh_quantum_s
                total += rule.time_in_mesh_weight * min(quanta, rule.time_in_mesh_cap)
            if rule.mesh_message_deliveries_weight:
                total += rule.mesh_message_deliveries_weight * self.deficit(rule, at)
        total += self.failures * rule.mesh_failure_penalty_weight
        return total + self.invalid**2 * rule.invalid_message_deliveries_weight

    def blameless(self, rule: TopicScore) -> bool:
        """Whether nothing here can make a score negative, now or later."""
        watched = self.grafted_at is not None and rule.mesh_message_deliveries_weight
        return not (watched or self.failures or self.invalid)
