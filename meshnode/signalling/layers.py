"""Which layers there are, and which one a viewer wants (WHEP layer extension).

The `layers` event is an object keyed by the viewer's mid.  Each medium lists its
`active` and `inactive` encodings, best first, and repeats them as `layers`, which is
the list that existing players read.  A selection names an encoding by `rid` or
`encodingId` (two drafts, two names), or says nothing and means automatic; spatial and
temporal limits apply within it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from meshnode.signalling.members import Layer, Leg, Track, Viewer, of_kind
from meshnode.signalling.problems import Refused
from meshproto.forwarding.table import Selection
from meshproto.wire.parameters import MediaKind

SPATIAL_MAX = 7
TEMPORAL_MAX = 7
_CHEAP_FIRST = ("q", "l", "low", "0", "h", "m", "mid", "1", "f", "hi", "high", "2")
"""Names that applications give their layers, cheapest first; the offer's order else."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A layer request: `media` None means every video; `rid` None means automatic."""

    media: str | None
    rid: str | None
    max_spatial: int | None
    max_temporal: int | None
    max_width: int | None
    max_height: int | None


def parse_wish(text: str) -> Wish:
    """Read the body of a layer request; raises `Refused` (400)."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object")
    return Wish(
        _word(body, "mediaId"),
        _word(body, "rid", "encodingId"),
        _number(body, SPATIAL_MAX, "spatialLayerId", "maxSpatialLayerId"),
        _number(body, TEMPORAL_MAX, "temporalLayerId", "maxTemporalLayerId"),
        _number(body, 65535, "maxWidth"),
        _number(body, 65535, "maxHeight"),
    )


def _word(body: dict[str, object], *names: str) -> str | None:
    for name in names:
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            raise Refused(400, f"{name} must be a string")
        if value is not None:
            return value
    return None


def _number(body: dict[str, object], maximum: int, *names: str) -> int | None:
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 0 <= value <= maximum:  # type: ignore[operator]
            raise Refused(400, f"{name} must be a whole number from 0 to {maximum}")
        return int(value)  # type: ignore[call-overload, no-any-return]
    return None


def choose(
    viewer: Viewer, tracks: tuple[Track, ...], wish: Wish
) -> list[tuple[Leg, Selection]]:
    """The selections that fulfil the wish; raises `Refused` (422) if none can."""
    legs = [
        leg
        for leg in viewer.legs
        if leg.kind is MediaKind.VIDEO and wish.media in (None, leg.mid)
    ]
    if not legs:
        raise Refused(422, f"there is no video with mediaId {wish.media}")
    return [(leg, _selection(of_kind(tracks, leg), wish)) for leg in legs]


def _selection(track: Track | None, wish: Wish) -> Selection:
    rid = wish.rid
    known = [*track.rids, *track.layers] if track is not None else []
    if rid is not None and rid not in known:
        names = ", ".join(dict.fromkeys(known)) or "none"
        raise Refused(422, f"there is no layer {rid!r}; there are: {names}")
    if rid is None and track is not None and (wish.max_width or wish.max_height):
        rid = _fitting(track, wish)
    return Selection(rid, wish.max_spatial, wish.max_temporal)


def _fitting(track: Track, wish: Wish) -> str | None:
    """The best layer whose known size is within the wish, None where none is known."""
    width, height = wish.max_width or 65535, wish.max_height or 65535
    fitting = [
        rid
        for rid in best_first(track)
        if 0 < track.layers[rid].width <= width
        and 0 < track.layers[rid].height <= height
    ]
    return fitting[0] if fitting else None


def best_first(track: Track) -> list[str]:
    """The rids seen so far, best first: by size, then by bitrate, never by name."""

    def quality(rid: str) -> tuple[int, int]:
        layer = track.layers[rid]
        return layer.width * layer.height, layer.bitrate_bps

    return sorted(track.layers, key=quality, reverse=True)


def layers_event(viewer: Viewer, tracks: tuple[Track, ...]) -> dict[str, object]:
    """The data of a `layers` event for this viewer."""
    pairs = [(leg, of_kind(tracks, leg)) for leg in viewer.legs]
    return {
        leg.mid: _medium(leg, track)
        for leg, track in pairs
        if track is not None and leg.kind is MediaKind.VIDEO
    }


def _medium(leg: Leg, track: Track) -> dict[str, object]:
    order = best_first(track)
    entries = [_entry(rid, track.layers[rid], order) for rid in order]
    live = [track.layers[rid].live for rid in order]
    return {
        "active": [e for e, is_live in zip(entries, live, strict=True) if is_live],
        "inactive": [
            e for e, is_live in zip(entries, live, strict=True) if not is_live
        ],
        "layers": entries,
        "selected": leg.selection.rid,
        "current": leg.layer,
    }


def _entry(rid: str, layer: Layer, order: Sequence[str]) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": rid,
        "rid": rid,
        "encodingId": rid,
        "simulcastIdx": len(order) - 1 - order.index(rid),
        "codec": layer.codec,
        "bitrate": layer.bitrate_bps,
    }
    if layer.width and layer.height:
        entry |= {"width": layer.width, "height": layer.height}
    return entry


def layer_order(track: Track) -> tuple[str, ...]:
    """The rids of a track, cheapest first; one empty one without simulcast."""
    rids = track.rids or ("",)
    if all(rid in _CHEAP_FIRST for rid in rids):
        return tuple(sorted(rids, key=_CHEAP_FIRST.index))
    return rids
