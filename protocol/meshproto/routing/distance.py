"""Metrics, versions and the feasibility test (RFC 0010 section 5).

A *version* is the origin's (epoch, seqno).  A *distance* is the best pair (version,
metric) that this node ever told anybody: a route may be used only from a neighbour that
is strictly closer, or whose number is newer.  Whoever obeys this cannot be part of a
loop, in whatever order messages arrive, because along every chain of next hops the
distances fall.

Metrics are integers of 100 microseconds, as on the wire, so that what is compared is
exactly what was told.
"""

from __future__ import annotations

from typing import NamedTuple

from meshproto.seqno import newer
from meshproto.wire.control.routing import METRIC_INFINITE

INFINITY = METRIC_INFINITE
TICKS_PER_S = 10_000

Version = tuple[int, int]
"""(epoch, seqno) of an origin."""


class Distance(NamedTuple):
    """A row of RFC 8966's source table."""

    version: Version
    metric: int


def ticks(seconds: float) -> int:
    """Seconds as a metric, at least one tick, below infinity."""
    return min(max(1, round(seconds * TICKS_PER_S)), INFINITY - 1)


def seconds(metric: int) -> float:
    """A metric as seconds."""
    return metric / TICKS_PER_S


def newer_version(a: Version, b: Version) -> bool:
    """Whether version `a` is strictly newer than `b`."""
    return a[0] > b[0] or (a[0] == b[0] and newer(a[1], b[1]))


def feasible(distance: Distance | None, version: Version, refmetric: int) -> bool:
    """Whether a route told as (version, refmetric) cannot lead through this node."""
    return (
        refmetric >= INFINITY
        or distance is None
        or newer_version(version, distance.version)
        or (version == distance.version and refmetric < distance.metric)
    )


def lowered(
    distance: Distance | None, version: Version, metric: int
) -> Distance | None:
    """The distance after telling (version, metric); retractions leave it alone."""
    if metric >= INFINITY:
        return distance
    if distance is None or newer_version(version, distance.version):
        return Distance(version, metric)
    if version == distance.version and metric < distance.metric:
        return Distance(version, metric)
    return distance


def added(cost: int, metric: int) -> int:
    """The metric behind a link of `cost`; sums stop at infinity."""
    return min(cost + metric, INFINITY)


def margin(value: float, share: float, floor: float) -> float:
    """By how much a value must move to count: the larger of a share and a floor."""
    return max(value * share, floor)
