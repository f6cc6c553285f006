"""The stage of workload and faults: processes come, go and suffer, and so do streams.

Implements `workload.Stage` and `faults.Field`; what only looks at the mesh it hands on.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshproto.ids import NodeId, StreamId
from meshproto.node import Ability, Wish
from meshproto.wire.control.peer import PeerRecord
from meshsim.faults import Fault, What
from meshsim.finding import media_of, stream_of
from meshsim.host import Far, SimHost
from meshsim.mesh import Clock, node_id
from meshsim.network import Network
from meshsim.plane import HISTORY_PACKETS
from meshsim.workload import Stream

if TYPE_CHECKING:
    from meshsim.mesh import Mesh

PEERS_TOLD = 3
"""Bootstrap addresses that a machine is given."""

LEAVE_S = 2.0
"""A process that says goodbye ends so much later."""


class Stage:
    """Acts on the hosts of a mesh."""

    __slots__ = ("_announced", "_mesh", "copies", "kinds")

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._announced: frozenset[tuple[float, int]] = frozenset()
        self.kinds: Sequence[str] = [spec.kind for spec in mesh.specs]
        self.copies: Sequence[int] = [spec.copies for spec in mesh.specs]

    @property
    def network(self) -> Network:
        """What carries the packets of all."""
        return self._mesh.network

    def alive(self) -> list[int]:
        """Machines whose process runs."""
        return self._mesh.alive()

    def relays(self) -> list[tuple[int, int]]:
        """Living machines with children, with the number of machines below."""
        return self._mesh.relays()

    def parent(self, node: int) -> int | None:
        """The active parent of a machine in the first tree in which it has one."""
        return self._mesh.parent(node)

    def origins(self) -> list[int]:
        """Living machines with a publisher."""
        return self._mesh.origins()

    def expected(self) -> None:
        """A fault comes soon: let packets flow at full rate."""
        self._mesh.hasten()

    def struck(self, fault: Fault, hit: Sequence[int], now: float) -> None:
        """A fault is about to strike; all that it kills, it kills at once."""
        mesh = self._mesh
        self._announced = frozenset((now, node) for node in hit)
        if fault.what is What.WORSEN:
            mesh.recorder.worsened(hit, now)
        elif fault.what is not What.LEAVE:
            mesh.recorder.broke(fault.what.value, fault.label, hit, now)
        if fault.what is What.PARTITION and mesh.finding is not None:
            mesh.finding.divided(now + (fault.for_s or math.inf))
        mesh.alert()

    def stop(self, node: int, now: float, *, goodbye: bool) -> None:
        """End a process; with `goodbye` it hands its children over first."""
        host = self._mesh.hosts[node]
        if not host.up:
            return
        if goodbye:
            host.tell(host.node.leave, now)
            self._mesh.engine.after(LEAVE_S, self._gone, host, host.generation)
        else:
            self._die(host, now)

    def _gone(self, host: SimHost, generation: int) -> None:
        if host.up and host.generation == generation:
            for far in list(host.links.values()):
                self._mesh.wiring.hang_up(host, far)
            self._end(host, self._mesh.engine.now)

    def _end(self, host: SimHost, now: float) -> None:
        host.stop(now)
        self._mesh.recorder.stopped(host.index)

    def _die(self, host: SimHost, now: float) -> None:
        # why the time: a strike kills at once; who dies later dies of something else
        if (now, host.index) not in self._announced:
            self._mesh.recorder.broke("churn", "", [host.index], now)
        host.remembered = self.remember(host)
        far_ends = list(host.links.values())
        feeds = any(state.legs for state in host.plane.streams.values())
        self._end(host, now)
        if feeds:
            self._mesh.alert()
        self._suspect(host, far_ends)

    def _suspect(self, host: SimHost, far_ends: Sequence[Far]) -> None:
        """Those who check a machine that may be dead do so event by event."""
        for far in far_ends:
            other = self._mesh.hosts[far.host]
            back = other.links.get(far.remote) if other.up else None
            if back is not None and back.host == host.index:
                other.watch_closely(back)

    def remember(self, host: SimHost) -> tuple[PeerRecord, ...]:
        """What a process has on disk: the neighbours it had."""
        records = (host.node.peer(far.node) for far in host.links.values())
        return tuple(record for record in records if record is not None)

    def start(self, node: int, now: float, *, keep_state: bool) -> None:
        """Start a process with what it remembers, or with bootstrap addresses."""
        mesh = self._mesh
        host = mesh.hosts[node]
        if host.up:
            return
        peers = host.remembered if keep_state else ()
        host.start(mesh.config, peers or self._bootstrap(node), now)
        for stream, origin in host.watching.items():
            self._subscribe(host, stream, origin, now)
        for stream, clock in mesh.clocks.items():
            if clock.origin == node and clock.running:
                self._publish(host, stream, clock, now)

    def _bootstrap(self, node: int) -> tuple[PeerRecord, ...]:
        mesh = self._mesh
        near = mesh.network.paths.reachable(node)
        others = range(len(mesh.hosts)) if near is None else near
        living = [mesh.hosts[n] for n in others if n != node and mesh.hosts[n].up]
        chosen = mesh.chance.sample(living, min(PEERS_TOLD, len(living)))
        return tuple(host.node.record() for host in chosen)

    def freeze(self, node: int, now: float) -> None:
        """Stop a process without ending it."""
        host = self._mesh.hosts[node]
        if host.up and host.frozen is None:
            host.frozen = deque()
            host.stopped_at = now
            self._mesh.alert()
            self._suspect(host, list(host.links.values()))

    def thaw(self, node: int, now: float) -> None:
        """Let a frozen process go on."""
        host = self._mesh.hosts[node]
        if host.up and host.frozen is not None:
            host.thaw(now)

    def jump_clock(self, node: int, by_s: float, now: float) -> None:
        """The wall clock of a machine jumps; its monotonic clock does not."""
        mesh = self._mesh
        mesh.jumped[node] = mesh.jumped.get(node, 0.0) + by_s
        host = mesh.hosts[node]
        if host.up:
            host.tell(host.node.wall, mesh.wall_ms(node, now), now)

    def readdress(self, node: int, now: float) -> None:
        """A NAT reboot: links of the old address are dead until set up again."""
        mesh = self._mesh
        host = mesh.hosts[node]
        address = mesh.addresses.move(node)
        host.ability = Ability(
            media=(address,),
            copies=host.ability.copies,
            uplink_bps=host.ability.uplink_bps,
        )
        if host.up:
            far_ends = list(host.links.values())
            for far in far_ends:
                other = mesh.hosts[far.host]
                other.links.pop(far.remote, None)
            mesh.alert()
            host.tell(host.node.able, host.ability, now)

    def lie(self, node: int, about: str, now: float) -> None:
        """Let a machine claim ten times what it has."""
        host = self._mesh.hosts[node]
        if about == "capacity" and host.up:
            claimed = Ability(
                media=host.ability.media,
                copies=10 * max(host.ability.copies, 1),
                uplink_bps=host.ability.uplink_bps,
            )
            host.tell(host.node.able, claimed, now)

    def publish(self, node: int, stream: Stream, now: float) -> None:
        """Let a publisher appear."""
        mesh = self._mesh
        key = stream_of(stream.name)
        clock = Clock(stream.name, node, stream.bitrate_bps, stream.layers)
        old = mesh.clocks.get(key)
        if old is not None:
            clock.sequence = old.sequence + HISTORY_PACKETS
        mesh.clocks[key] = clock
        if mesh.hosts[node].up:
            self._publish(mesh.hosts[node], key, clock, now)
        mesh.engine.after(0.0, mesh.flow.tick, key)

    def _publish(
        self, host: SimHost, stream: StreamId, clock: Clock, now: float
    ) -> None:
        share = clock.bitrate_bps // clock.layers
        host.tell(host.node.publish, stream, (share,) * clock.layers, now)
        finding = self._mesh.finding
        if finding is not None:
            claim = finding.claim(clock.name, host.id, self._mesh.wall_ms(0, now))
            media = media_of(clock.layers, clock.bitrate_bps)
            host.tell(host.node.announce, claim, media, now)

    def unpublish(self, node: int, stream: Stream, now: float) -> None:
        """Let the publisher go."""
        mesh = self._mesh
        key = stream_of(stream.name)
        mesh.clocks[key].running = False
        host = mesh.hosts[node]
        if host.up:
            host.tell(host.node.unannounce, key, now)
            host.tell(host.node.unpublish, key, now)
        if mesh.finding is not None:
            mesh.finding.ended(key, now)

    def subscribe(self, node: int, stream: str, now: float) -> None:
        """Let a viewer appear at a machine; it stays over restarts."""
        key = stream_of(stream)
        host = self._mesh.hosts[node]
        origin = node_id(self._mesh.clocks[key].origin)
        host.watching[key] = origin
        if host.up:
            self._subscribe(host, key, origin, now)

    def _subscribe(
        self, host: SimHost, stream: StreamId, origin: NodeId, now: float
    ) -> None:
        layers = (1 << self._mesh.clocks[stream].layers) - 1
        finding = self._mesh.finding
        if finding is None:
            host.tell(host.node.subscribe, stream, origin, layers, 1, now)
            return
        if host.node.directory.resolve(stream) is None:
            finding.sought(host.index, stream, self._mesh.index[origin], now)
        host.tell(host.node.watch, stream, Wish(layers, 1), now)

    def unsubscribe(self, node: int, stream: str, now: float) -> None:
        """Let the viewer go."""
        key = stream_of(stream)
        host = self._mesh.hosts[node]
        if host.watching.pop(key, None) is not None and host.up:
            host.tell(host.node.unwatch, key, now)
            if self._mesh.finding is not None:
                self._mesh.finding.given_up(node, key, now)
