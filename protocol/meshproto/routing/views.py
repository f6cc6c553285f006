"""The tables as others see them: values for callers, plain data for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshproto.ids import NodeId, StreamId
from meshproto.routing.distance import feasible, seconds
from meshproto.routing.table import Entry, Tables
from meshproto.wire.control.offer import Offer


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the route table; metrics are in units of 100 microseconds."""

    neighbour: NodeId
    metric: int
    refmetric: int
    feasible: bool
    selected: bool


def routes(entry: Entry) -> tuple[Route, ...]:
    """Every row about one origin, in the order in which they came."""
    return tuple(
        Route(
            row.neighbour,
            row.metric,
            row.refmetric,
            feasible(entry.distance, row.version, row.refmetric),
            row is entry.selected,
        )
        for row in entry.heard.values()
    )


def offers(entry: Entry, stream: StreamId) -> list[tuple[NodeId, Offer]]:
    """What neighbours offer for one tree of an origin."""
    return [
        (row.neighbour, offer)
        for row in entry.heard.values()
        for offer in row.offers
        if offer.stream == stream
    ]


def dump(tables: Tables) -> dict[str, Any]:
    """Everything, with nodes in hexadecimal and metrics in seconds."""
    return {
        "relaying": tables.relaying,
        "neighbours": {
            node.hex(): seconds(neighbour.cost)
            for node, neighbour in tables.neighbours.items()
        },
        "origins": {
            entry.origin.hex(): _origin(entry) for entry in tables.entries.values()
        },
    }


def _origin(entry: Entry) -> dict[str, Any]:
    selected = entry.selected
    return {
        "next_hop": None if selected is None else selected.neighbour.hex(),
        "metric_s": None if selected is None else seconds(selected.metric),
        "distance": entry.distance,
        "wanted": entry.wanted,
        "requests": 0 if entry.asking is None else entry.asking.tries,
        "routes": [
            {
                "neighbour": route.neighbour.hex(),
                "metric_s": seconds(route.metric),
                "refmetric_s": seconds(route.refmetric),
                "feasible": route.feasible,
            }
            for route in routes(entry)
        ],
    }
