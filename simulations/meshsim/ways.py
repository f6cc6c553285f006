"""The ways of a tree as they are at this moment, and whether a node has a better one.

Delays are those of the latency model and of what faults added to it; noise and what
nodes believe are left out (RFC 0012 section 5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshproto.ids import StreamId

if TYPE_CHECKING:
    from meshsim.mesh import Mesh


def delay_s(mesh: Mesh, parent: int, stream: StreamId, node: int) -> float:
    """From the origin to `node` through `parent`."""
    one_way, specs = mesh.network.one_way_s, mesh.specs
    total = one_way(parent, node) + specs[parent].hop_s
    here = parent
    for above in mesh.ancestors(parent, stream):
        total += one_way(above, here) + specs[above].hop_s
        here = above
    return total


def could_leave(mesh: Mesh, slots: Sequence[int], node: int) -> bool:
    """Whether somebody who takes a mover has a way that is worth a move of `node`;
    `slots` are those of each node.
    """
    config = mesh.config.distribution
    for stream in mesh.clocks:
        parent = mesh.parent_of(node, stream)
        if parent is None:
            continue
        present_s = delay_s(mesh, parent, stream, node)
        worth_s = present_s - max(config.gain_s, config.gain_share * present_s)
        better = (
            delay_s(mesh, there, stream, node) < worth_s
            for there in range(len(mesh.hosts))
            if _takes(mesh, slots[there], there, stream, node)
        )
        if any(better):
            return True
    return False


def _takes(mesh: Mesh, slots: int, there: int, stream: StreamId, node: int) -> bool:
    """Whether `there` is in the tree, not below `node`, with a slot for a mover."""
    host, above = mesh.hosts[there], mesh.ancestors(there, stream)
    state = host.plane.streams.get(stream) if host.up else None
    if state is None or there == node or node in above:
        return False
    fed = sum(not leg.standby for leg in state.legs.values())
    reserved = slots // mesh.config.distribution.reserve_one_in
    rooted = mesh.clocks[stream].origin in {there, *above[-1:]}
    return rooted and slots - reserved - fed > 0
