"""Heartbeats of standbys and keep-alives of parents: sampled, or sent (RFC 0012 3.2).

A *heartbeat* tells a child by how far its standby is; every 50 ms over each leg that
carries no packets.  A *keep-alive* tells a child that its parent lives though it has
nothing to send: 30 ms after its last packet, and every 30 ms then.  `Sampled` works out
what they would have told, from what the other end knew one path delay ago, and counts
the octets; `Sent` sends every one of them as a datagram that may be late, or lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from meshproto.ids import NodeId, StreamId
from meshsim.network import Kind

if TYPE_CHECKING:
    from meshsim.host import SimHost
    from meshsim.mesh import Mesh

HEARTBEAT_S = 0.050
KEEP_ALIVE_S = 0.030
TICK_S = 0.005
"""How often a plane looks whether a keep-alive is due."""

SIGNAL_OCTETS = 48
"""An SRTCP APP packet with one number, authentication included."""


class Signals(Protocol):
    """What planes know of other planes without packets."""

    def begin(self, host: SimHost) -> None:
        """A process started."""
        ...

    def heard_s(self, node: int, peer: NodeId) -> float | None:
        """The age of the last keep-alive of `peer` at `node`; None: never again."""
        ...

    def newest_at(self, node: int, peer: NodeId, stream: StreamId) -> int | None:
        """What the last heartbeat of the standby `peer` told `node`."""
        ...

    def count(self, host: SimHost, period_s: float) -> None:
        """Count what `host` would have sent in `period_s`, if nothing was sent."""
        ...


class Sampled:
    """In closed form."""

    __slots__ = ("_mesh",)

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    def begin(self, host: SimHost) -> None:
        """Nothing happens."""

    def heard_s(self, node: int, peer: NodeId) -> float | None:
        """Since when the other end is silent, less the way here."""
        mesh = self._mesh
        other = mesh.index[peer]
        if mesh.network.stops(other, node):
            return None
        if mesh.running(other):
            return 0.0
        stopped_at = mesh.hosts[other].stopped_at
        return mesh.engine.now - stopped_at - mesh.network.paths.one_way(other, node)

    def newest_at(self, node: int, peer: NodeId, stream: StreamId) -> int | None:
        """What the other end knew one path delay ago."""
        mesh = self._mesh
        other = mesh.index[peer]
        if not mesh.running(other) or mesh.network.stops(other, node):
            return None
        state = mesh.hosts[other].plane.streams.get(stream)
        if state is None:
            return None
        delay = mesh.network.paths.one_way(other, node)
        return state.newest_before(mesh.engine.now - delay)

    def count(self, host: SimHost, period_s: float) -> None:
        """Heartbeats; keep-alives are sent only while a publisher is silent."""
        standbys = sum(
            leg.standby
            for state in host.plane.streams.values()
            for leg in state.legs.values()
        )
        if standbys:
            beats = round(period_s / HEARTBEAT_S) * standbys
            self._mesh.network.count(host.index, SIGNAL_OCTETS, Kind.MEDIA, beats)


class Sent:
    """One by one."""

    __slots__ = ("_heard", "_mesh", "_newest", "_said")

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._said: dict[tuple[int, StreamId], float] = {}
        self._heard: dict[tuple[int, NodeId], float] = {}
        self._newest: dict[tuple[int, NodeId, StreamId], int] = {}

    def begin(self, host: SimHost) -> None:
        """From now on the host's plane speaks."""
        tables: tuple[dict[Any, Any], ...] = (self._heard, self._newest)
        for table in tables:
            for key in [key for key in table if key[0] == host.index]:
                del table[key]
        chance = self._mesh.chance.random
        after, generation = self._mesh.engine.after, host.generation
        after(HEARTBEAT_S * chance(), self._beat, host, generation)
        after(TICK_S * chance(), self._keep_alive, host, generation)

    def _beat(self, host: SimHost, generation: int) -> None:
        if host.generation != generation or not host.up:
            return
        self._mesh.engine.after(HEARTBEAT_S, self._beat, host, generation)
        if host.frozen is None:
            for stream, state in host.plane.streams.items():
                for child, leg in state.legs.items():
                    if leg.standby and state.newest >= 0:
                        self._send(host, child, stream, state.newest)

    def _keep_alive(self, host: SimHost, generation: int) -> None:
        if host.generation != generation or not host.up:
            return
        self._mesh.engine.after(TICK_S, self._keep_alive, host, generation)
        if host.frozen is None:
            now = self._mesh.engine.now
            for stream, state in host.plane.streams.items():
                said = max(state.fresh, self._said.get((host.index, stream), 0.0))
                if state.legs and now - said >= KEEP_ALIVE_S:
                    self._said[host.index, stream] = now
                    for child, leg in state.legs.items():
                        if not leg.standby:
                            self._send(host, child, stream, None)

    def _send(
        self, host: SimHost, child: NodeId, stream: StreamId, newest: int | None
    ) -> None:
        far = host.by_node.get(child)
        if far is not None:
            self._mesh.network.send(
                host.index, far.host, SIGNAL_OCTETS, Kind.MEDIA, self._arrive,
                far.host, host.id, stream, newest,
            )  # fmt: skip

    def _arrive(
        self,
        node: int,
        source: NodeId,
        stream: StreamId,
        newest: int | None,
        arrival: float,
    ) -> None:
        if self._mesh.running(node) and source in self._mesh.hosts[node].by_node:
            self._heard[node, source] = arrival
            if newest is not None:
                self._newest[node, source, stream] = newest

    def heard_s(self, node: int, peer: NodeId) -> float | None:
        """Since the last one arrived."""
        at = self._heard.get((node, peer))
        return None if at is None else self._mesh.engine.now - at

    def newest_at(self, node: int, peer: NodeId, stream: StreamId) -> int | None:
        """What the last one said."""
        return self._newest.get((node, peer, stream))

    def count(self, host: SimHost, period_s: float) -> None:
        """All were counted when they were sent."""
