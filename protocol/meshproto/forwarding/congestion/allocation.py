"""Which layer each viewer's track gets out of the estimate.

Audio is reserved first.  Every video track then gets its lowest layer, and the rest is
given out one step at a time, the cheapest step first, so that two tracks of one viewer
rise together.  Layers are ordered by measured bitrate: names of rids mean nothing.

Moving down follows a shortage at once, moving up waits: more than the next step must
fit (`UP_MARGIN`), for a while (`UP_WAIT_S`).  A layer that proved too much doubles the
wait before it is tried again, up to `UP_WAIT_MAX_S`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from meshproto.forwarding.table import Selection
from meshproto.ids import ConsumerId


@dataclass(frozen=True, slots=True)
class LayerRate:
    """A producer's layer as measured; 0 while it sends nothing.

    `temporal_bps[t]` is the bitrate of temporal layers 0..t, empty where unknown.
    """

    rid: str
    bitrate_bps: int
    temporal_bps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """A video consumer that wants its share; `current` is the rid it gets now."""

    consumer: ConsumerId
    layers: tuple[LayerRate, ...]
    selection: Selection = Selection()
    current: str | None = None


class Target(NamedTuple):
    """What a consumer shall get: nothing (None), or a rid.

    `max_temporal` None is no cap by bandwidth (the caller applies its selection's).
    """

    rid: str | None
    max_temporal: int | None = None


class Allocation(NamedTuple):
    """The outcome for a transport.

    `allocated_bps` is what the targets need together.  `wanted_bps` is the estimate at
    which the next step up would be taken, 0 when everybody has the best.
    """

    targets: dict[ConsumerId, Target]
    allocated_bps: int
    wanted_bps: int


UP_MARGIN = 1.1
"""The estimate must exceed the new sum by this factor before a step up."""

UP_WAIT_S = 1.0
UP_WAIT_MAX_S = 8.0


class Allocator:
    """Decides for one transport; call it every 100 ms or so and on new estimates."""

    def allocate(
        self, estimate_bps: float, audio_bps: int, demands: Sequence[Demand], now: float
    ) -> Allocation:
        """Targets for all `demands` out of `estimate_bps`, `audio_bps` of it taken."""
        del now
        targets: dict[ConsumerId, Target] = {}
        used, wanted = audio_bps, 0
        for demand in demands:
            targets[demand.consumer], bps, more = _best(demand, estimate_bps - used)
            used += bps
            wanted = max(wanted, more)
        return Allocation(targets, used, wanted)


def _best(demand: Demand, budget_bps: float) -> tuple[Target, int, int]:
    selection = demand.selection
    if selection.paused:
        return Target(None), 0, 0
    layers = sorted(
        (layer for layer in demand.layers if layer.bitrate_bps > 0),
        key=lambda layer: layer.bitrate_bps,
    )
    if selection.rid is not None:
        rate = {layer.rid: layer.bitrate_bps for layer in layers}
        return Target(selection.rid), rate.get(selection.rid, 0), 0
    if not layers:
        return Target(demand.layers[0].rid if demand.layers else None), 0, 0
    fitting = [layer for layer in layers if layer.bitrate_bps <= budget_bps]
    best = fitting[-1] if fitting else layers[0]
    higher = [layer for layer in layers if layer.bitrate_bps > best.bitrate_bps]
    wanted = int(higher[0].bitrate_bps * UP_MARGIN) if higher else 0
    return Target(best.rid), best.bitrate_bps, wanted
