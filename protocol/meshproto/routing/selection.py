"""Which of the feasible routes is used (RFC 0010 section 5.3).

The least metric wins, but a route that works is left only for one that is better by a
share and by a floor: round trips wander, and every switch moves a tree.  Metrics are
sums of smoothed round trips already.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshproto.routing.distance import INFINITY, Distance, feasible, margin
from meshproto.routing.table import Heard


def usable(route: Heard, distance: Distance | None) -> bool:
    """Whether packets may follow this route."""
    return route.metric < INFINITY and feasible(
        distance, route.version, route.refmetric
    )


def better(route: Heard, current: Heard, share: float, floor: int) -> bool:
    """Whether `route` is worth leaving `current` for."""
    gain = current.metric - route.metric
    return gain > margin(current.metric, share, floor)


def select(
    routes: Iterable[Heard],
    current: Heard | None,
    distance: Distance | None,
    share: float,
    floor: int,
) -> Heard | None:
    """The route to use from now on, None without a usable one."""
    best: Heard | None = None
    for route in routes:
        if (best is None or route.metric < best.metric) and usable(route, distance):
            best = route
    if best is None or current is None or best is current:
        return best
    if usable(current, distance) and not better(best, current, share, floor):
        return current
    return best
