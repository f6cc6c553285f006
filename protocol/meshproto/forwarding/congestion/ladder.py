"""The layers of one track as steps of a ladder, and the track that stands on one.

Steps are the simulcast layers from small to large, below them the smallest with fewer
temporal layers.  Names of rids mean nothing, so layers are ordered by measured bitrate,
and by its slowly fading peak: a still picture makes large layers as cheap as small
ones, and an order that follows every frame would switch to and fro.  What a step costs
is the present bitrate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

PEAK_FADING = 0.998
"""Per look (100 ms): half is forgotten after 35 s."""

FIRST_WAIT_S = 0.3
"""After joining: the first probe answers within this."""

UP_WAIT_S = 1.0
UP_WAIT_MAX_S = 30.0
REGRET_S = 8.0
"""A step down this soon after a step up means that the step up was wrong."""


@dataclass(frozen=True, slots=True)
class LayerRate:
    """A producer's layer as measured; 0 while it sends nothing.

    `temporal_bps[t]` is the bitrate of temporal layers 0..t, empty where unknown.
    """

    rid: str
    bitrate_bps: int
    temporal_bps: tuple[int, ...] = ()


class Target(NamedTuple):
    """What a consumer shall get: a rid, or nothing (None: paused, or no layer known).

    `max_temporal` None is no cap by bandwidth; the caller applies its selection's too.
    """

    rid: str | None
    max_temporal: int | None = None


class Step(NamedTuple):
    """A target and what it costs."""

    bps: int
    target: Target


@dataclass(slots=True)
class Climber:
    """A track on its ladder: `steps[index]` is what it gets, since `changed_at`.

    The caller lets it `look` before anything else, at layers of which one sends.
    """

    steps: list[Step] = field(default_factory=list)
    index: int = 0
    changed_at: float | None = None
    _short_since: float | None = None
    _rose_at: float = float("-inf")
    _up_wait_s: float = FIRST_WAIT_S
    _peaks: dict[str, float] = field(default_factory=dict)

    @property
    def step(self) -> Step:
        """The step it stands on."""
        return self.steps[self.index]

    @property
    def next_bps(self) -> int | None:
        """What the next step costs more; None on the last one."""
        if self.index + 1 >= len(self.steps):
            return None
        return self.steps[self.index + 1].bps - self.step.bps

    def look(self, layers: tuple[LayerRate, ...]) -> None:
        """Learn the present bitrates; stays on its target, or near it if it is gone."""
        before = self.step if self.steps else None
        self._peaks = {
            layer.rid: max(
                layer.bitrate_bps, PEAK_FADING * self._peaks.get(layer.rid, 0.0)
            )
            for layer in layers
        }
        sending = [layer for layer in layers if layer.bitrate_bps > 0]
        sending.sort(key=lambda layer: self._peaks[layer.rid])
        self.steps = _steps(sending)
        self.index = 0 if before is None else self._nearest(before)

    def stays(self, layers: tuple[LayerRate, ...]) -> bool:
        """Learn the price of the only step there is; False where `look` is needed."""
        if len(layers) != 1 or len(self.steps) != 1:
            return False
        layer, step = layers[0], self.steps[0]
        if not layer.bitrate_bps or layer.temporal_bps or layer.rid != step.target.rid:
            return False
        if layer.bitrate_bps != step.bps:
            self.steps[0] = Step(layer.bitrate_bps, step.target)
        return True

    def _nearest(self, before: Step) -> int:
        index = 0
        for at, step in enumerate(self.steps):
            if step.target == before.target:
                return at
            if step.bps <= before.bps:
                index = at
        return index

    def may_rise(self, now: float) -> bool:
        """Whether it has waited long enough."""
        return self.changed_at is None or now - self.changed_at >= self._up_wait_s

    def is_short(self, now: float, patience_s: float, severe: bool) -> bool:
        """The present step does not fit: whether that counts already."""
        if self._short_since is None:
            self._short_since = now
        return severe or now - self._short_since >= patience_s

    def fits(self) -> None:
        """The present step fits: whatever shortage there was is over."""
        self._short_since = None

    def move(self, index: int, now: float) -> None:
        """Go to another step."""
        if index > self.index:
            self._rose_at = now
        elif index < self.index:
            regretted = now - self._rose_at < REGRET_S
            wait_s = min(2 * self._up_wait_s, UP_WAIT_MAX_S) if regretted else 0.0
            self._up_wait_s = max(wait_s, UP_WAIT_S)
        if index != self.index or self.changed_at is None:
            self.changed_at, self._short_since = now, None
        self.index = index


def _steps(layers: list[LayerRate]) -> list[Step]:
    """From small to large; fewer temporal layers only below the smallest, because half
    the frames look worse than half the size.
    """
    smallest = layers[0]
    steps = [
        Step(bps, Target(smallest.rid, temporal))
        for temporal, bps in enumerate(smallest.temporal_bps[:-1])
        if 0 < bps < smallest.bitrate_bps
    ]
    return steps + [Step(layer.bitrate_bps, Target(layer.rid)) for layer in layers]
