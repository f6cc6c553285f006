"""Packets on their way: clocks of publishers, legs between planes, repairs.

A packet is a number.  While a clock is slow each packet stands for several, so that the
octets of the stream are the same at any pace (RFC 0012 section 3.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshproto.ids import NodeId, StreamId
from meshsim.host import SimHost
from meshsim.network import Kind
from meshsim.plane import MediaPacket

if TYPE_CHECKING:
    from meshsim.mesh import Mesh
    from meshsim.scenario import Media

REPAIRS_MAX = 10
REPAIR_WITHIN_S = 0.5
NACK_S = 0.005
"""From the arrival of the next packet to the NACK of a lost one."""


class Flow:
    """Carries media between the hosts of a mesh."""

    __slots__ = ("_full_s", "_hop_s", "_mesh", "_octets", "_quiet_s")

    def __init__(self, mesh: Mesh, media: Media, *, elide: bool) -> None:
        self._mesh = mesh
        self._octets: dict[StreamId, int] = {}
        self._hop_s = [spec.hop_s for spec in mesh.specs]
        self._full_s = 1.0 / media.full_packets_per_s
        self._quiet_s = 1.0 / media.packets_per_s if elide else self._full_s

    def interval_s(self, stream: StreamId) -> float:
        """The present gap of a packet clock."""
        del stream
        return (
            self._full_s
            if self._mesh.engine.now < self._mesh.alert_until
            else self._quiet_s
        )

    def tick(self, stream: StreamId) -> None:
        """The publisher makes a packet."""
        mesh = self._mesh
        clock = mesh.clocks[stream]
        if not clock.running:
            return
        now, interval_s = mesh.engine.now, self.interval_s(stream)
        self._octets[stream] = int(clock.bitrate_bps * interval_s / 8)
        if mesh.running(clock.origin):
            clock.sequence += 1
            mesh.hosts[clock.origin].plane.emit(stream, clock.sequence, now)
        mesh.engine.after(interval_s, self.tick, stream)

    def send(
        self,
        host: SimHost,
        child: NodeId,
        alias: int,
        packet: MediaPacket,
        tries: int,
    ) -> None:
        """One packet to one child; a lost one is repeated when its NACK is due."""
        far = host.by_node.get(child)
        if far is None:
            return
        mesh, there = self._mesh, far.host
        arrives = mesh.network.send(
            host.index, there, self._octets[packet.stream], Kind.MEDIA,
            mesh.hosts[there].media, host.id, alias, packet,
            hold_s=self._hop_s[host.index],
        )  # fmt: skip
        if not arrives and tries < REPAIRS_MAX and mesh.running(there):
            wait = mesh.network.rtt(host.index, there) + NACK_S
            if (tries + 1) * wait < REPAIR_WITHIN_S:
                mesh.engine.after(
                    wait, self._repair, host, child, alias, packet, tries + 1
                )

    def _repair(
        self,
        host: SimHost,
        child: NodeId,
        alias: int,
        packet: MediaPacket,
        tries: int,
    ) -> None:
        running = self._mesh.running(host.index)
        state = host.plane.streams.get(packet.stream) if running else None
        if state is not None and child in state.legs:
            self.send(host, child, alias, packet, tries)

    def activate(
        self, host: SimHost, parent: NodeId, stream: StreamId, sequence: int
    ) -> None:
        """The pre-programmed Activate of a plane to its standby."""
        mesh = self._mesh
        far = host.by_node.get(parent)
        other = mesh.index[parent]
        mesh.recorder.switched(host.index, stream, other, mesh.engine.now)
        if far is not None:
            mesh.network.send(
                host.index, far.host, 48, Kind.MEDIA, self._activate, far.host,
                host.id, stream, sequence,
            )  # fmt: skip

    def _activate(
        self, node: int, child: NodeId, stream: StreamId, sequence: int, arrival: float
    ) -> None:
        del arrival
        if self._mesh.running(node):
            self._mesh.hosts[node].plane.activated(stream, child, sequence)
