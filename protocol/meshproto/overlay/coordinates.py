"""Vivaldi network coordinates: three dimensions and a height (RFC 0007 section 8).

Every measured round trip pulls or pushes this node a little along the line to the other
one; the height stands for the access link, which no detour avoids (Dabek et al.,
SIGCOMM 2004).  Coordinates rank peers that nobody measured yet and decide nothing else:
a liar can waste a probe.
"""

from __future__ import annotations

import math

from meshproto.chance import Chance

Coordinate = tuple[float, ...]
"""(x, y, z, height) in seconds; empty when a node has none yet."""

_CORRECTION = 0.25
_SMOOTHING = 0.25
_HEIGHT_MIN_S = 0.0001
_REACH_S = 8.0
_STEP_MAX_S = 0.1
_REMOTE_ERROR = 0.3
_SAMPLES_MIN = 4


def predict_s(a: Coordinate, b: Coordinate) -> float | None:
    """The round trip between two coordinates, None when one is unknown."""
    if len(a) != 4 or len(b) != 4:
        return None
    flat = math.dist(a[:3], b[:3])
    return flat + max(a[3], 0.0) + max(b[3], 0.0)


class Coordinates:
    """The own coordinate, moved by samples."""

    __slots__ = ("_at", "_chance", "_error", "_samples")

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._at: tuple[float, float, float, float] = (0.0, 0.0, 0.0, _HEIGHT_MIN_S)
        self._error = 1.0
        self._samples = 0

    @property
    def error(self) -> float:
        """Own relative error, 1 at the start."""
        return self._error

    def value(self) -> Coordinate:
        """The coordinate for the own record, empty before a few samples."""
        if self._samples < _SAMPLES_MIN:
            return ()
        return tuple(round(part, 6) for part in self._at)

    def moved_s(self, since: Coordinate) -> float:
        """How far the coordinate is from one told earlier; far when none was."""
        now = self.value()
        if len(now) != 4:
            return 0.0
        return math.dist(now, since) if len(since) == 4 else math.inf

    def predict_s(self, remote: Coordinate) -> float | None:
        """The round trip to a remote coordinate, None when either is unknown."""
        return predict_s(self.value(), remote)

    def sample(self, remote: Coordinate, rtt_s: float) -> None:
        """Learn that a node with this coordinate is `rtt_s` away."""
        known = len(remote) == 4
        other = remote if known else (0.0, 0.0, 0.0, _HEIGHT_MIN_S)
        theirs = _REMOTE_ERROR if known else 1.0
        rtt_s = max(rtt_s, _HEIGHT_MIN_S)
        distance = predict_s(self._at, other) or _HEIGHT_MIN_S
        weight = self._error / (self._error + theirs)
        wrong = min(abs(distance - rtt_s) / rtt_s, 2.0)
        share = _SMOOTHING * weight
        self._error = min(wrong * share + self._error * (1.0 - share), 1.0)
        self._move(other, _CORRECTION * weight * (rtt_s - distance))
        self._samples += 1

    def _move(self, other: Coordinate, force_s: float) -> None:
        force_s = min(max(force_s, -_STEP_MAX_S), _STEP_MAX_S)
        apart = [
            mine - theirs for mine, theirs in zip(self._at[:3], other, strict=False)
        ]
        heights = self._at[3] + max(other[3], 0.0)
        flat = math.hypot(*apart)
        if flat < 1e-6:  # why: two nodes at one point need any direction to part in
            apart = [self._chance.random() - 0.5 for _ in range(3)]
            flat = math.hypot(*apart) or 1.0
        whole = flat + heights
        x, y, z = (
            min(max(at + force_s * part / whole, -_REACH_S), _REACH_S)
            for at, part in zip(self._at[:3], apart, strict=True)
        )
        height = self._at[3] + force_s * heights / whole
        self._at = (x, y, z, min(max(height, _HEIGHT_MIN_S), _REACH_S))
