"""What the packet path reports, brought to the registry.

Events come as they happen: a layer was found, a viewer switched, an estimate moved.
Figures are read every other second, and only those of producers: whether media flows
decides who may take a stream over, and bitrates tell layers apart for viewers.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from meshnode.media.plane import LocalFeedback, PlaneEvent, PlaneFault
from meshnode.node.http import Http
from meshnode.node.parts import Parts
from meshnode.signalling.members import Publisher, Track, Viewer
from meshproto.forwarding.events import (
    EstimateChanged,
    LayerFound,
    LayerSwitched,
    LimitReached,
)
from meshproto.ids import ProducerId

EVERY_TICKS = 2
"""Ticks (seconds) between two readings."""
CHANGED_BY = 0.2
"""A bitrate that moved by this share is worth telling."""


class Measure:
    """Listens to the plane of a node and reads its figures."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._ticks = 0
        self._told: dict[ProducerId, tuple[int, ...]] = {}
        self._limits: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()

    def heard(self, event: PlaneEvent) -> None:
        """An event of the plane that is no transport's own business."""
        streams = self._parts.streams
        match event:
            case LayerFound():
                streams.layer_found(event.producer, event.rid, event.codec)
            case LayerSwitched():
                streams.layer_switched(event.consumer, event.rid)
            case EstimateChanged():
                member = streams.directory.by_transport(event.transport)
                if isinstance(member, Viewer):
                    member.estimate_bps = event.bitrate_bps
            case LimitReached():
                self._limits[event.limit] += 1
                self._warn("limit reached", event.limit, maximum=event.maximum)
            case PlaneFault():
                self._faults[event.reason] += 1
                self._warn("plane degraded", event.reason)
            case LocalFeedback():
                member = streams.directory.by_transport(event.transport)
                if member is not None and member.feedback is not None:
                    member.feedback(event.packet)
            case _:
                pass  # silence and addresses are read from the figures

    def _warn(self, event: str, cause: str, **fields: object) -> None:
        self._parts.log.emit(event, cause=cause, level=logging.WARNING, **fields)

    def tick(self) -> None:
        """Read the figures when it is time; call once a second."""
        self._ticks += 1
        if self._ticks % EVERY_TICKS == 0:
            self.read()

    def read(self) -> None:
        """Read the figures of every publisher now."""
        publishers = [
            member
            for member in self._parts.streams.directory
            if isinstance(member, Publisher)
        ]
        if not publishers:
            return
        figures = _producers(self._parts.port.plane.stats())
        for publisher in publishers:
            self._read(publisher, figures)

    def _read(self, publisher: Publisher, figures: Mapping[Any, Any]) -> None:
        changed = False
        for track in publisher.tracks:
            layers = figures.get(track.producer, {}).get("layers", {})
            for rid, layer in track.layers.items():
                figure = layers.get(rid, {})
                packets = figure.get("packets", 0)
                layer.live = packets != layer.packets
                layer.packets = packets
                layer.bitrate_bps = figure.get("bitrate_bps", 0)
            changed |= self._worth_telling(track)
        packets = sum(
            layer.packets
            for track in publisher.tracks
            for layer in track.layers.values()
        )
        self._parts.streams.heard(publisher, packets)
        if changed:
            self._parts.streams.layers_changed(publisher)

    def _worth_telling(self, track: Track) -> bool:
        """Whether the layers differ from what was told last, and remember them."""
        if len(track.layers) < 2:
            return False
        now = tuple(la.bitrate_bps * la.live for la in track.layers.values())
        told = self._told.get(track.producer, ())
        if len(now) == len(told) and not any(map(_moved, told, now)):
            return False
        self._told[track.producer] = now
        return True

    def counters(self, http: Http | None) -> dict[str, object]:
        """Figures of the node for status and metrics."""
        stats = self._parts.port.stats()
        plane = dict(_mapping(stats.get("plane")))
        forwarder = _mapping(plane.pop("forwarder", {}))
        plane.pop("kind", None)
        return {
            "media": plane,
            "forwarding": {"drops": forwarder.get("drops", {}), **_totals(forwarder)},
            "clients_open": stats.get("clients", 0),
            "client_drops": stats.get("drops", {}),
            "limits_reached": dict(self._limits),
            "plane_faults": dict(self._faults),
            "http_refusals": {} if http is None else http.refusals(),
            "patches_without_if_match": sum(
                session.untagged_patches for session in self._parts.calls.sessions
            ),
        }


def _moved(before: int, after: int) -> bool:
    return abs(after - before) > CHANGED_BY * max(before, after)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _producers(stats: Mapping[str, object]) -> Mapping[Any, Any]:
    return _mapping(_mapping(stats.get("forwarder")).get("producers"))


def _totals(forwarder: Mapping[str, Any]) -> dict[str, int]:
    """Sums over what is open now; the parts are in nobody's interest."""
    layers = [
        layer
        for producer in _mapping(forwarder.get("producers")).values()
        for layer in producer["layers"].values()
    ]
    consumers = list(_mapping(forwarder.get("consumers")).values())
    of_layers = ("packets", "lost", "key_frames", "key_frames_requested")
    of_consumers = ("packets", "octets", "dropped", "repaired", "repairs_missed")
    return {
        **{f"received_{name}": sum(la[name] for la in layers) for name in of_layers},
        **{f"sent_{name}": sum(c[name] for c in consumers) for name in of_consumers},
    }
