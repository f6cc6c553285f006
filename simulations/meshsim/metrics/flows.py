"""Octets, packets and cycles: what was sent, what arrived, what went round."""

from __future__ import annotations

import numpy as np

from meshsim.metrics.basis import Table, window_s
from meshsim.observation import LoopKind, Observation

MEDIA = "media"


def window_octets(seen: Observation) -> tuple[dict[str, int], float]:
    """Octets by kind between the first and last sample of the window; node-seconds."""
    begin, end = window_s(seen)
    inside = [s for s in seen.traffic if begin <= s.time_s <= end]
    if len(inside) < 2:
        return {}, 0.0
    first, last = inside[0], inside[-1]
    nodes = float(np.mean([sample.alive for sample in inside]))
    octets = {
        kind: total - first.octets.get(kind, 0) for kind, total in last.octets.items()
    }
    return octets, nodes * (last.time_s - first.time_s)


def traffic_figures(seen: Observation) -> Table:
    """Octets of control per node and second, together and by kind."""
    octets, node_seconds = window_octets(seen)
    if not node_seconds:
        return {}
    control = {kind: count for kind, count in octets.items() if kind != MEDIA}
    table: Table = {"control_octets_s": sum(control.values()) / node_seconds}
    for kind in sorted(control):
        table[f"control_{kind}_octets_s"] = control[kind] / node_seconds
    return table


def packet_figures(seen: Observation) -> Table:
    """What reached the viewers, and how many copies that took."""
    packets = seen.packets
    if not packets.due:
        return {}
    octets, _ = window_octets(seen)
    control = sum(count for kind, count in octets.items() if kind != MEDIA)
    copies = packets.received / packets.delivered if packets.delivered else None
    table: Table = {
        "delivered_share": packets.delivered / packets.due,
        "duplicates": packets.duplicates,
        "copies_per_delivered": copies,
    }
    if copies is not None and packets.delivered_octets:
        table["copies_with_control"] = copies + control / packets.delivered_octets
    return table


def loop_figures(seen: Observation) -> Table:
    """How many cycles there were, and for how long there was one somewhere."""
    kinds = [loop.kind for loop in seen.loops]
    return {
        "route_loops": kinds.count(LoopKind.ROUTE),
        "tree_loops": kinds.count(LoopKind.TREE),
        "loop_s": _covered_s(seen),
    }


def _covered_s(seen: Observation) -> float:
    """Time during which at least one loop was there."""
    total, reached = 0.0, 0.0
    for loop in sorted(seen.loops, key=lambda loop: loop.began_s):
        end = seen.simulated_s if loop.ended_s is None else loop.ended_s
        total += max(0.0, end - max(loop.began_s, reached))
        reached = max(reached, end)
    return total
