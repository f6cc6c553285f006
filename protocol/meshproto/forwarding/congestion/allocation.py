"""Which layer each viewer's track gets out of the estimate.

Audio is reserved first, then the layers that somebody chose by hand.  Every other video
track climbs its ladder.  Each stands on its first step in any case, because a picture
that stutters beats none; the rest of the estimate is handed out step by step, the
cheapest first, so that several tracks of one viewer rise together.

Changing a layer costs a key frame, so both directions wait.  Down: until a shortage
lasted `DOWN_WAIT_S`, or at once when it is severe.  Up: the new sum must fit with a
margin, some time after the last change; and a step up that had to be taken back soon
doubles that time (`ladder.Climber`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from meshproto.forwarding.congestion.ladder import Climber, LayerRate, Step, Target
from meshproto.forwarding.table import Selection
from meshproto.ids import ConsumerId

UP_MARGIN = 1.1
DOWN_WAIT_S = 0.8
SEVERE = 1.25
"""A need beyond this times the estimate is answered at once."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A video consumer that wants its share, and the layers it may have."""

    consumer: ConsumerId
    layers: tuple[LayerRate, ...]
    selection: Selection = field(default_factory=Selection)


class Allocation(NamedTuple):
    """The outcome for a transport.

    `allocated_bps` is what the targets and audio need together, `best_bps` what
    everybody's best would need.  `wanted_bps` is the estimate that would be of use: for
    the next step up, or for what is sent anyway; 0 when the estimate covers the best.
    """

    targets: dict[ConsumerId, Target]
    allocated_bps: int
    wanted_bps: int
    best_bps: int


class Allocator:
    """Decides for one transport; call it every 100 ms or so and on new estimates."""

    def __init__(self) -> None:
        self._climbers: dict[ConsumerId, Climber] = {}

    def allocate(
        self, estimate_bps: float, audio_bps: int, demands: Sequence[Demand], now: float
    ) -> Allocation:
        """Targets for all `demands` out of `estimate_bps`, `audio_bps` of it taken."""
        if self._without_choice(demands):
            return self._as_before(audio_bps, estimate_bps)
        targets: dict[ConsumerId, Target] = {}
        climbers: dict[ConsumerId, Climber] = {}
        reserved = audio_bps
        for demand in demands:
            fixed = _fixed(demand)
            if fixed is None:
                climber = self._climbers.get(demand.consumer) or Climber()
                climber.look(demand.layers)
                climbers[demand.consumer] = climber
            else:
                targets[demand.consumer] = fixed.target
                reserved += fixed.bps
        self._climbers = climbers
        if not climbers:
            return _final(targets, reserved, estimate_bps)
        everybody = list(climbers.values())
        _share(everybody, estimate_bps - reserved, now)
        for consumer, climber in climbers.items():
            targets[consumer] = climber.step.target
        return _outcome(targets, everybody, reserved, estimate_bps, now)

    def _without_choice(self, demands: Sequence[Demand]) -> bool:
        """Whether each ladder still has the one step that was there, at a new price.

        That is so for every track without simulcast or temporal layers: most of them.
        """
        climbers = self._climbers
        if not demands or len(climbers) != len(demands):
            return False
        for demand in demands:
            climber = climbers.get(demand.consumer)
            if climber is None or not climber.stays(demand.layers):
                return False
            if demand.selection.paused or demand.selection.rid is not None:
                return False
        return True

    def _as_before(self, audio_bps: int, estimate_bps: float) -> Allocation:
        """The outcome where nobody has a choice."""
        climbers = self._climbers
        targets = {consumer: c.steps[0].target for consumer, c in climbers.items()}
        used = audio_bps + sum([climber.steps[0].bps for climber in climbers.values()])
        if used <= estimate_bps:
            for climber in climbers.values():
                climber.fits()
        return _final(targets, used, estimate_bps)


def _fixed(demand: Demand) -> Step | None:
    """What a consumer gets that leaves nothing to decide."""
    selection = demand.selection
    if selection.paused or not demand.layers:
        return Step(0, Target(None))
    if selection.rid is not None:
        rates = {layer.rid: layer.bitrate_bps for layer in demand.layers}
        return Step(rates.get(selection.rid, 0), Target(selection.rid))
    if not any(layer.bitrate_bps for layer in demand.layers):
        return Step(0, Target(demand.layers[0].rid))
    return None


def _share(climbers: list[Climber], budget_bps: float, now: float) -> None:
    """Move the climbers that must go down, or those that may go up."""
    used = sum(climber.step.bps for climber in climbers)
    if used > budget_bps:
        severe = used > SEVERE * budget_bps
        fitting = _climb(climbers, [0] * len(climbers), budget_bps)
        for climber, index in zip(climbers, fitting, strict=True):
            falls = index < climber.index and climber.is_short(now, DOWN_WAIT_S, severe)
            climber.move(index if falls else climber.index, now)
        return
    for climber in climbers:
        climber.fits()
    rising = [climber for climber in climbers if climber.may_rise(now)]
    others = used - sum(climber.step.bps for climber in rising)
    start = [climber.index for climber in rising]
    reached = _climb(rising, start, budget_bps / UP_MARGIN - others)
    for climber, index in zip(rising, reached, strict=True):
        climber.move(index, now)


def _climb(climbers: list[Climber], start: list[int], budget_bps: float) -> list[int]:
    """Steps reached from `start` when the cheapest next one is taken while it fits."""
    reached = list(start)
    ladders = [climber.steps for climber in climbers]
    left = budget_bps - sum(
        steps[at].bps for steps, at in zip(ladders, start, strict=True)
    )
    while True:
        nexts = [
            (steps[at + 1].bps - steps[at].bps, number)
            for number, (steps, at) in enumerate(zip(ladders, reached, strict=True))
            if at + 1 < len(steps)
        ]
        more, number = min(nexts, default=(0, -1))
        if number < 0 or more > left:
            return reached
        reached[number] += 1
        left -= more


def _final(
    targets: dict[ConsumerId, Target], used: int, estimate_bps: float
) -> Allocation:
    """What comes out where nobody has a next step."""
    wanted = 0 if used * UP_MARGIN <= estimate_bps else int(used * UP_MARGIN)
    return Allocation(targets, used, wanted, used)


def _outcome(
    targets: dict[ConsumerId, Target],
    climbers: list[Climber],
    reserved: int,
    estimate_bps: float,
    now: float,
) -> Allocation:
    used = reserved + sum(climber.step.bps for climber in climbers)
    best = reserved + sum(climber.steps[-1].bps for climber in climbers)
    steps = [climber.next_bps for climber in climbers if climber.may_rise(now)]
    wanted = used + min((more for more in steps if more is not None), default=0)
    if wanted == used and used * UP_MARGIN <= estimate_bps:
        wanted = 0
    return Allocation(targets, used, int(wanted * UP_MARGIN), best)
