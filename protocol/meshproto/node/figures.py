"""Figures of a brain, for reports, checkers and the status page."""

from __future__ import annotations

from meshproto.link.links import Links
from meshproto.node.values import NodeConfig
from meshproto.node.view import View


def sent_octets(links: Links) -> dict[str, int]:
    """Octets of records sent so far, by package."""
    octets = links.octets
    return {
        "link": octets[0],
        "overlay": octets[1],
        "directory": octets[2],
        "routing": octets[3],
        "distribution": octets[4] + octets[5],
    }


def sizes(view: View, config: NodeConfig) -> tuple[tuple[str, int, int], ...]:
    """(limit, size, maximum) of the tables that strangers can fill."""
    entries, live, neighbours = view.router.sizes()
    routing, trees = config.routing, config.distribution
    return (
        ("link.links", len(view.links), config.link.links),
        ("routing.sources_max", entries, routing.sources_max + routing.local_max),
        ("routing.origins_max", live, routing.origins_max),
        ("routing.neighbours_max", neighbours, routing.neighbours_max),
        ("distribution.trees_max", len(view.trees), trees.trees_max),
    )
