"""Which layers fit under a limit that a member set for itself (RFC 0014 section 5.2).

Every picture gets its cheapest layer first, those of the latest speakers before the
others, and what does not fit is paused; what is left over then raises one picture after
another, in the same order, as far as it goes.  Sound is never paused: it is taken off
the limit beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshproto.forwarding.table import Selection
from meshproto.ids import StreamName

AUDIO_BPS = 64_000
ENOUGH = 0.8
"""The share of the pixels that a picture is shown with, in a row or a column, from
which a layer looks as good as the next better one.
"""
PAUSED = Selection(paused=True)
Layers = tuple[tuple[str, int], ...]
"""(rid, bit/s) of a picture, cheapest first."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a member is to get: (rid, bit/s) of its layers, cheapest first.

    `most` is the layer that the member chose itself, None for any.
    """

    name: StreamName
    layers: tuple[tuple[str, int], ...]
    most: str | None = None

    @property
    def allowed(self) -> tuple[tuple[str, int], ...]:
        """The layers up to the chosen one."""
        rids = [rid for rid, _ in self.layers]
        if self.most not in rids:
            return self.layers
        return self.layers[: rids.index(self.most) + 1]


def enough(layers: Sequence[tuple[str, int, int]], size: tuple[int, int]) -> str | None:
    """The cheapest layer that fills so many pixels, None where only the best does.

    `layers` are (rid, width, height), cheapest first; unknown sizes are 0.
    """
    for rid, width, height in layers[:-1]:
        # why or: a picture that is fitted into its place touches two of its edges
        if width >= ENOUGH * size[0] or height >= ENOUGH * size[1]:
            return rid
    return None


def lower(layers: Sequence[str], one: str | None, other: str | None) -> str | None:
    """The cheaper of two bounds; None is none."""
    found = [rid for rid in (one, other) if rid in layers]
    return min(found, key=layers.index, default=None)


def fit(
    limit_bps: int, sounds: int, pictures: Sequence[Picture]
) -> dict[StreamName, Selection]:
    """What each picture gets, the more important ones first in `pictures`."""
    rest_bps = limit_bps - sounds * AUDIO_BPS
    chosen: dict[StreamName, int] = {}
    for picture in pictures:
        cost_bps = picture.allowed[0][1] if picture.allowed else 0
        if cost_bps <= rest_bps:
            chosen[picture.name] = 0
            rest_bps -= cost_bps
    for picture in pictures:
        if picture.name not in chosen:
            continue
        for place in range(1, len(picture.allowed)):
            more_bps = picture.allowed[place][1] - picture.allowed[place - 1][1]
            if more_bps > rest_bps:
                break
            chosen[picture.name] = place
            rest_bps -= more_bps
    return {p.name: _selection(p, chosen.get(p.name)) for p in pictures}


def _selection(picture: Picture, place: int | None) -> Selection:
    if place is None:
        return PAUSED
    rids = [rid for rid, _ in picture.allowed if rid]
    return Selection(rids[place]) if rids else Selection()
