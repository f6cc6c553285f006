"""What the packet path reports, brought to the registry.

Events come as they happen: a layer was found, a viewer switched, an estimate moved.
Figures are read every other second, and only those of producers: whether media flows
decides who may take a stream over, and bitrates tell layers apart for viewers.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from meshnode.media.plane import LocalFeedback, PlaneEvent, PlaneFault
from meshnode.node.arrival import DOOR
from meshnode.node.http import Http
from meshnode.node.parts import Parts
from meshnode.observe.status import LatencyStatus
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


class Figures(NamedTuple):
    """Which plane runs, what was counted since the start, what is open now."""

    plane: str
    counters: dict[str, object]
    gauges: dict[str, float]
    latency: LatencyStatus | None


class Measure:
    """Listens to the plane of a node and reads its figures.

    `events` counts what happened by its name.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._ticks = 0
        self._told: dict[ProducerId, tuple[int, ...]] = {}
        self._limits: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self.events: Counter[str] = Counter()

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
        figures = self._parts.port.plane.producer_stats()
        for publisher in publishers:
            self._read(publisher, figures)

    def _read(self, publisher: Publisher, figures: Mapping[Any, Any]) -> None:
        changed = False
        for track in publisher.tracks:
            layers = figures.get(track.producer, {}).get("layers", {})
            for rid, layer in track.layers.items():
                figure = layers.get(rid, {})
                packets = figure.get("packets", 0)
                if track.rids and publisher.door == DOOR and packets == layer.packets:
                    continue  # it may not be fetched: what the directory told, holds
                layer.live = packets != layer.packets
                layer.packets = packets
                layer.bitrate_bps = figure.get("bitrate_bps", 0)
                layer.width = figure.get("width", 0)
                layer.height = figure.get("height", 0)
                requested = figure.get("key_frames_requested", 0)
                layer.key_frames_requested = requested
            changed |= self._worth_telling(track)
        packets = sum(
            layer.packets
            for track in publisher.tracks
            for layer in track.layers.values()
        )
        self._parts.streams.heard(publisher, packets)
        if changed:
            self._parts.streams.tell_layers(publisher)

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

    def figures(self, http: Http | None) -> Figures:
        """The figures of this moment, for status and metrics."""
        stats = self._parts.port.stats()
        plane = _mapping(stats.get("plane"))
        kind = str(plane.get("kind", ""))
        counted = self._counters(stats, http)
        return Figures(kind, counted, self._gauges(plane), _latency(plane))

    def _counters(
        self, stats: Mapping[str, object], http: Http | None
    ) -> dict[str, object]:
        plane = _mapping(stats.get("plane"))
        forwarder = _mapping(plane.get("forwarder"))
        received, sent = _mapping(plane.get("received")), _mapping(plane.get("sent"))
        relayed = _mapping(plane.get("relayed"))
        return {
            "received_packets": received.get("packets", 0),
            "received_bytes": received.get("bytes", 0),
            "sent_packets": sent.get("packets", 0),
            "sent_bytes": sent.get("bytes", 0),
            "relayed_packets": relayed.get("packets", 0),
            "relayed_bytes": relayed.get("bytes", 0),
            "uplink_held_packets": _mapping(plane.get("uplink")).get("held", 0),
            "stun_answers": plane.get("stun_answered", 0),
            "media_drops": dict(_mapping(plane.get("drops"))),
            "forwarding_drops": dict(_mapping(forwarder.get("drops"))),
            "client_drops": dict(_mapping(stats.get("drops"))),
            "limits_reached": dict(self._limits),
            "plane_faults": dict(self._faults),
            "http_refusals": {} if http is None else http.refusals(),
            "untagged_patches": self._parts.calls.untagged_patches,
            "events": dict(self.events),
        }

    def _gauges(self, plane: Mapping[str, Any]) -> dict[str, float]:
        forwarder = _mapping(plane.get("forwarder"))
        producers = _mapping(forwarder.get("producers"))
        layers = [
            layer for found in producers.values() for layer in found["layers"].values()
        ]
        return {
            "transports": plane.get("transports", 0),
            "sessions": len(self._parts.calls.sessions),
            "producers": len(producers),
            "consumers": len(_mapping(forwarder.get("consumers"))),
            **_legs(_mapping(forwarder.get("streams"))),
            "history_bytes": sum(layer["history_bytes"] for layer in layers),
            "event_streams": self._parts.slots.open,
            # of the whole loop, which may be an embedder's too
            "tasks": len(asyncio.all_tasks(self._loop)),
        }


def _latency(plane: Mapping[str, Any]) -> LatencyStatus | None:
    """How long packets stay, where the plane knows."""
    found = plane.get("latency")
    if found is None:
        return None
    bounds_s, counts = tuple(found["bounds_s"]), tuple(found["counts"])
    return LatencyStatus(bounds_s, counts, found["sum_s"])


def _legs(streams: Mapping[str, Any]) -> dict[str, float]:
    """The worst of the copies that leave for other nodes, by their reports."""
    legs = [leg for stream in streams.values() for leg in stream["legs"]]
    waits_s = [leg["queue_s"] for leg in legs if leg["queue_s"] is not None]
    return {
        "leg_loss_ratio_max": max((leg["loss"] for leg in legs), default=0.0),
        "leg_queue_seconds_max": max(waits_s, default=0.0),
    }


def _moved(before: int, after: int) -> bool:
    return abs(after - before) > CHANGED_BY * max(before, after)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
