"""What an attack must not reach (RFC 0008 section 8.1).

The published evaluation says that messages arrive and meshes recover under all twelve.
In numbers that is for us: nothing is lost; nothing takes longer than two hops by gossip
alone, of three heartbeats each; and in the last minute 99 of 100 deliveries take less
than a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from meshsim.attacks.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of one figure: at least, or at most, `bound`."""

    title: str
    bound: float
    floor: bool
    value: Callable[[Outcome], float]

    def holds(self, seen: Outcome) -> bool:
        """Whether a run keeps it."""
        value = self.value(seen)
        return value >= self.bound if self.floor else value <= self.bound


LIMITS = (
    Limit("delivered", 0.999, True, lambda seen: seen.delivered),
    Limit("settled delivery", 0.9999, True, lambda seen: seen.settled_delivered),
    Limit("max", 6.0, False, lambda seen: seen.max_s),
    Limit("settled p99", 1.0, False, lambda seen: seen.settled_p99_s),
)


def missed(seen: Outcome) -> list[str]:
    """The titles of the limits that a run missed."""
    return [limit.title for limit in LIMITS if not limit.holds(seen)]
