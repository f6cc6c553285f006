"""What lies between hosts for control: setting links up, frames, gossip, probes.

A link costs what it costs on the wire: descriptors travel through a common neighbour or
over libp2p, then STUN and DTLS take two round trips, and the far end is asked when its
descriptor is due (RFC 0005 section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshproto.errors import StateError
from meshproto.ids import LinkId, NodeId
from meshproto.outputs import Dial, Gossip, Probe, Purpose
from meshsim.host import (
    DIAL_TIMEOUT_S,
    PROBE_OCTETS,
    PROBE_TIMEOUT_S,
    SETUP_OCTETS,
    Far,
    SimHost,
)
from meshsim.network import Kind

if TYPE_CHECKING:
    from meshsim.mesh import Mesh


class Wiring:
    """Carries everything but media between the hosts of a mesh."""

    __slots__ = ("_links", "_mesh")

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._links = 0

    def dial(self, host: SimHost, output: Dial) -> None:
        """Set a link up: descriptors through a neighbour or by libp2p, then STUN and
        DTLS; the far end is asked when its descriptor is due.
        """
        mesh = self._mesh
        target = mesh.index.get(output.peer.node)
        if target is None or target == host.index:
            raise StateError(f"a dial to nobody: {output.peer.node.hex()}")
        rtt = mesh.network.rtt(host.index, target)
        if output.peer.node in host.by_node:
            return
        reach = self._reach_s(host, output, target, rtt)
        mesh.network.count(host.index, SETUP_OCTETS, Kind.SETUP)
        if reach > 1e6 or not mesh.network.passes(host.index, target):
            reach = DIAL_TIMEOUT_S
        mesh.engine.after(reach, self._knock, host, host.generation, output, rtt)

    def _reach_s(self, host: SimHost, output: Dial, target: int, rtt: float) -> float:
        """How long the descriptor needs: over a neighbour that has a link to the far
        end, else by TCP, Noise and the link stream.
        """
        through, slow_s = output.through, 2.5 * rtt
        if through is None or through not in host.by_node:
            return slow_s
        paths, by = self._mesh.network.paths, self._mesh.index[through]
        if output.peer.node in self._mesh.hosts[by].by_node:
            return paths.one_way(host.index, by) + paths.one_way(by, target)
        # it says that it cannot help (RFC 0005 section 5.3)
        return self._mesh.network.rtt(host.index, by) + slow_s

    def _knock(self, host: SimHost, generation: int, output: Dial, rtt: float) -> None:
        mesh = self._mesh
        target = mesh.hosts[mesh.index[output.peer.node]]
        now = mesh.engine.now
        if host.generation != generation or not host.up:
            return
        if not mesh.running(target.index) or not mesh.network.passes(
            host.index, target.index
        ):
            mesh.engine.after(
                DIAL_TIMEOUT_S, self._failed, host, generation, output, ""
            )
            return
        label = target.node.accepts(host.node.record(), output.purpose, now)
        if label is not None:
            mesh.engine.after(rtt / 2, self._failed, host, generation, output, label)
            return
        mesh.network.count(target.index, SETUP_OCTETS, Kind.SETUP)
        mesh.engine.after(
            2.0 * rtt, self._joined, host, target, generation, output, rtt
        )

    def _failed(self, host: SimHost, generation: int, output: Dial, label: str) -> None:
        if host.generation == generation and host.up:
            peer = output.peer.node
            host.tell(
                host.node.dial_failed, peer, label or "timeout", self._mesh.engine.now
            )

    def _joined(
        self, host: SimHost, target: SimHost, generation: int, output: Dial, rtt: float
    ) -> None:
        now = self._mesh.engine.now
        if host.generation != generation or not (host.up and target.up):
            return
        if target.id in host.by_node or host.id in target.by_node:
            if target.id not in host.by_node:
                self._failed(host, generation, output, "crossed")
            return
        self._links += 2
        here, there = LinkId(self._links), LinkId(self._links + 1)
        near = Far(host.index, host.id, there, here)
        far = Far(target.index, target.id, here, there)
        target.link_up(near, rtt, False, output.purpose, now)
        self._mesh.engine.after(
            rtt / 2, self._here, host, generation, far, rtt, output.purpose
        )

    def _here(
        self, host: SimHost, generation: int, far: Far, rtt: float, purpose: Purpose
    ) -> None:
        target = self._mesh.hosts[far.host]
        if (
            host.generation != generation
            or not host.up
            or far.remote not in target.links
        ):
            return
        host.link_up(far, rtt, True, purpose, self._mesh.engine.now)

    def hang_up(self, host: SimHost, far: Far) -> None:
        """Close a link: here at once, there when the close_notify arrives."""
        host.links.pop(far.link, None)
        host.by_node.pop(far.node, None)
        self._mesh.network.send(
            host.index, far.host, 32, Kind.CONTROL, self._closed, far.host, far.remote
        )

    def _closed(self, node: int, link: LinkId, arrival: float) -> None:
        if self._mesh.hosts[node].up:
            self._mesh.hosts[node].link_down(link, arrival)

    def frame(self, node: int, link: LinkId, frame: bytes, arrival: float) -> None:
        """A control frame arrived."""
        host = self._mesh.hosts[node]
        if host.up and link in host.links:
            host.tell(host.node.receive, link, frame, arrival)

    def gossip(self, host: SimHost, output: Gossip) -> None:
        """An RPC goes out on the neighbour's ordered stream."""
        target = self._mesh.index[output.neighbour]
        self._mesh.network.send_ordered(
            host.index, target, len(output.rpc), Kind.GOSSIP, self._rpc,
            target, host.id, output.rpc,
        )  # fmt: skip

    def _rpc(self, node: int, source: NodeId, rpc: bytes, arrival: float) -> None:
        host = self._mesh.hosts[node]
        if host.up and source in host.by_node:
            host.tell(host.node.gossip_received, source, rpc, arrival)

    def probe(self, host: SimHost, output: Probe) -> None:
        """A STUN Binding to somebody's media port."""
        mesh = self._mesh
        target = mesh.addresses.node_at(output.address)
        mesh.network.count(host.index, PROBE_OCTETS, Kind.PROBE)
        rtt = None
        if target is not None and mesh.running(target):
            mesh.network.count(target, PROBE_OCTETS + 24, Kind.PROBE)
            rtt = mesh.network.sample_rtt(host.index, target, Kind.PROBE)
        wait = PROBE_TIMEOUT_S if rtt is None else rtt
        mesh.engine.after(wait, self._probed, host, host.generation, output.token, rtt)

    def _probed(
        self, host: SimHost, generation: int, token: int, rtt: float | None
    ) -> None:
        if host.generation == generation:
            host.tell(host.node.probed, token, rtt, self._mesh.engine.now)

    def check(self, node: int, peer: int, link: LinkId) -> float | None:
        """One check of a link, answered by whoever still has its keys."""
        mesh = self._mesh
        if not mesh.running(peer) or link not in mesh.hosts[peer].links:
            return None
        return mesh.network.sample_rtt(node, peer, Kind.PROBE)
