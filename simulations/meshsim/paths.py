"""What the network asks of a latency model or topology.

Nodes are numbered from 0 in all of meshsim; a delay is one way, in seconds, and may
differ by direction.  `math.inf` says that two nodes cannot reach each other at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Protocol


class Paths(Protocol):
    """Delays between `size` nodes."""

    size: int

    def one_way(self, src: int, dst: int) -> float:
        """Seconds from `src` to `dst` without queues and jitter; inf: no path."""
        ...

    def reachable(self, src: int) -> Iterable[int] | None:
        """The nodes that `src` can reach, ascending; None: everybody."""
        ...


class Everywhere:
    """Paths by a function, for tests and for models that a researcher brings."""

    __slots__ = ("_delay_s", "size")

    def __init__(self, size: int, delay_s: Callable[[int, int], float]) -> None:
        self.size = size
        self._delay_s = delay_s

    def one_way(self, src: int, dst: int) -> float:
        """What the function says."""
        return self._delay_s(src, dst)

    def reachable(self, src: int) -> Iterable[int] | None:  # noqa: ARG002
        """Everybody."""
        return None


def uniform(size: int, one_way_s: float) -> Everywhere:
    """The same delay between all."""
    return Everywhere(size, lambda _src, _dst: one_way_s)


def round_trip(paths: Paths, a: int, b: int) -> float:
    """The undisturbed round trip in seconds, inf without a path."""
    there = paths.one_way(a, b)
    return there if there == math.inf else there + paths.one_way(b, a)
