"""Messages of the sfu-go dialect: reading their data, and putting events into words."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeVar, assert_never

from meshnode.signalling.dialects.socket import parse_object
from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms.slots import SLOTS_MAX
from meshnode.signalling.rooms.values import (
    LayersSeen,
    MemberJoined,
    MemberLeft,
    MuteWanted,
    Quality,
    Removed,
    RoomEvent,
    Said,
    SlotCounts,
    SlotsChanged,
    SpeakerChanged,
    TracksChanged,
    Who,
)

T = TypeVar("T")

LEVELS = ((0.15, "critical"), (0.05, "poor"), (0.01, "good"))
"""Shares of loss from which a connection is called so."""

_LAYERS = {"l": 0.0, "low": 0.0, "m": 0.5, "mid": 0.5, "h": 1.0, "high": 1.0}
"""The names that sfu-go's client gives to layers, as places from cheap to dear."""


def data_of(message: dict[str, Any]) -> dict[str, Any]:
    """The data of an envelope.  Raises `DecodeError` or `Refused`."""
    data = message.get("data")
    if isinstance(data, str) and data:
        data = parse_object(data)
    if data is None or data == "":
        return {}
    if not isinstance(data, dict):
        raise Refused(400, "data must be an object")
    return data


def field(data: dict[str, Any], name: str, type_: type[T]) -> T:
    """A member that must be there.  Raises `Refused`."""
    value = data.get(name)
    if type(value) is not type_:
        raise Refused(400, f"{name} must be {_NAMES[type_]}")
    return value


_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
}
PIXELS_MAX = 65_535


def size_of(told: object) -> tuple[str, tuple[int, int]]:
    """A track and how large it is seen, in pixels.  Raises `Refused`."""
    if not isinstance(told, dict):
        raise Refused(400, "tracks must be a list of objects")
    size = field(told, "width", int), field(told, "height", int)
    if not all(0 <= side <= PIXELS_MAX for side in size):
        raise Refused(400, f"width and height must be 0 to {PIXELS_MAX}")
    return field(told, "trackId", str), size


def text_of(data: dict[str, Any], name: str) -> str:
    """A member that may be missing, as text.  Raises `Refused`."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(400, f"{name} must be a string")
    return value


def slots_of(data: dict[str, Any]) -> SlotCounts | None:
    """What `slots` asks for, None for tracks as they come.  Raises `Refused`."""
    if not data:
        return None
    counts = {kind: data.get(kind, 0) for kind in ("audio", "video")}
    for kind, count in counts.items():
        if type(count) is not int or not 0 <= count <= SLOTS_MAX:
            raise Refused(400, f"{kind} must be a number from 0 to {SLOTS_MAX}")
    if data.get("layer") not in (None, "l"):
        raise Refused(400, "layer must be l, or missing for the best that fits")
    return SlotCounts(**counts, lowest=data.get("layer") == "l")


def peer_of(who: Who) -> dict[str, str]:
    """A member as room-state lists it."""
    return {"peerId": who.peer, "userId": who.user, "name": who.name}


def level_of(lost: float) -> str:
    """What a share of loss is called."""
    return next((name for least, name in LEVELS if lost >= least), "excellent")


def rid_for(layers: Sequence[str], wanted: str) -> str | None:
    """The layer that `wanted` means, of those there are, cheapest first."""
    if wanted in layers:
        return wanted
    place = _LAYERS.get(wanted.lower())
    if place is None or not layers:
        return None
    return layers[round(place * (len(layers) - 1))]


def called(layers: Sequence[str]) -> list[str]:
    """The layers by names that sfu-go's client knows, cheapest first."""
    if all(rid in _LAYERS for rid in layers) or len(layers) > len(_NAMED):
        return list(layers)
    return [_NAMED[0], *_NAMED[1 : len(layers) - 1], _NAMED[-1]]


_NAMED = ("l", "m", "h")


def _said(data: bytes | str) -> dict[str, str]:
    if isinstance(data, str):
        return {"text": data}
    return {"base64": base64.b64encode(data).decode()}


def described(event: RoomEvent) -> tuple[str, dict[str, Any]]:
    """An event as a message: its type and data."""
    match event:
        case MemberJoined(who):
            return "peer-joined", {**peer_of(who), "roomId": who.room}
        case MemberLeft(who):
            return "peer-left", {**peer_of(who), "roomId": who.room}
        case TracksChanged(who, tracks):
            shown = [
                {
                    "trackId": f"{who.peer}-{track.label}",
                    "kind": track.kind,
                    "source": track.source,
                    "muted": track.muted,
                }
                for track in tracks
            ]
            return "track-published", {"peerId": who.peer, "tracks": shown}
        case SpeakerChanged(old, new):
            return "dominant-speaker", {"oldPeerId": old, "newPeerId": new}
        case Said(who, label, data):
            # why not the label: it is a client's word, and no order to others
            type_ = "chat" if label == "chat" else "app"
            told = {"peerId": who.peer, "name": who.name, "label": label}
            return type_, {**told, **_said(data)}
        case MuteWanted(by, kind):
            return "mute", {"peerId": by, "kind": kind}
        case Removed(reason, resume):
            return "removed", {"reason": reason, "resume": resume}
        case Quality(peer, lost):
            return "quality-stats", {
                "peerId": peer,
                "level": level_of(lost),
                "packetLoss": round(lost * 100, 2),
            }
        case LayersSeen(track, layers):
            return "layer-available", {"trackId": track, "layers": called(layers)}
        case SlotsChanged(showing):
            return "slots", {"showing": dict(showing)}
        case _:
            assert_never(event)
