"""All machines of a run and what lies between them: the stage of workload and faults.

`Mesh` knows everything and decides nothing.  It sets links up, carries frames, packets
and gossip between hosts, and lets the recorder and the checkers see what happened.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from meshproto.errors import StateError
from meshproto.events import Event
from meshproto.forwarding import relay_table as relay
from meshproto.gossip.directory_events import StreamFound
from meshproto.ids import LinkId, NodeId, StreamId
from meshproto.node import Ability, NodeConfig
from meshproto.outputs import Dial, Gossip, Probe, Purpose
from meshproto.wire.control.peer import PeerRecord
from meshsim.addresses import Addresses
from meshsim.engine import Engine
from meshsim.faults import Strike, What
from meshsim.finding import Finding, media_of, stream_of
from meshsim.host import (
    DIAL_TIMEOUT_S,
    PROBE_OCTETS,
    PROBE_TIMEOUT_S,
    SETUP_OCTETS,
    Far,
    SimHost,
)
from meshsim.network import Kind, Network
from meshsim.plane import HISTORY_PACKETS, MediaPacket
from meshsim.population import NodeSpec
from meshsim.scenario import Media
from meshsim.workload import Stream

EPOCH_MS = 1_800_000_000_000
REPAIRS_MAX = 10
NACK_S = 0.005
"""From the arrival of the next packet to the NACK of a lost one."""

REPAIR_WITHIN_S = 0.5
PEERS_TOLD = 3
"""Bootstrap addresses that a machine is given."""

PREFIX = b"\x00\x24\x08\x01\x12\x20"


class Recorder(Protocol):
    """What writes a run down."""

    def event(self, node: int, event: Event, now: float) -> None: ...

    def table_changed(self, node: int, delta: relay.RelayDelta, now: float) -> None: ...

    def delivered(
        self, node: int, stream: StreamId, sequence: int, born: float, now: float
    ) -> None: ...

    def broke(
        self, kind: str, label: str, nodes: Sequence[int], now: float
    ) -> None: ...

    def worsened(self, nodes: Sequence[int], now: float) -> None: ...

    def switched(
        self, node: int, stream: StreamId, parent: int, now: float
    ) -> None: ...


@dataclass(slots=True)
class Clock:
    """The packet clock of a stream."""

    name: str
    origin: int
    bitrate_bps: int
    layers: int
    running: bool = True
    sequence: int = -1


def node_id(index: int) -> NodeId:
    """The identity of machine `index`: as long as a real one."""
    return NodeId(PREFIX + blake2b(b"node %d" % index, digest_size=32).digest())


class Mesh:
    """See the essay; implements the protocols of `workload` and `faults`."""

    def __init__(
        self,
        engine: Engine,
        network: Network,
        specs: Sequence[NodeSpec],
        recorder: Recorder,
        config: NodeConfig,
        addresses: Addresses,
        media: Media,
        *,
        elide: bool = True,
        directory: bool = False,
    ) -> None:
        self.engine = engine
        self.network = network
        self.chance = engine.stream("world")
        self.specs = specs
        self.kinds: Sequence[str] = [spec.kind for spec in specs]
        self.recorder = recorder
        self.config = config
        self.addresses = addresses
        self.index: dict[NodeId, int] = {}
        self.hosts: list[SimHost] = []
        self.clocks: dict[StreamId, Clock] = {}
        self._octets: dict[StreamId, int] = {}
        self._hop_s = [spec.hop_s for spec in specs]
        self.alert_until = 0.0
        self.disturbed_at = 0.0
        self._full_s = 1.0 / media.full_packets_per_s
        self._quiet_s = 1.0 / media.packets_per_s if elide else self._full_s
        self._around_s = media.around_s
        self._links = 0
        self.finding = Finding(self.sign, network.is_cut) if directory else None
        self._jumped: dict[int, float] = {}
        self._announced: frozenset[int] = frozenset()
        for spec in specs:
            self._add(spec)

    def _add(self, spec: NodeSpec) -> None:
        node = node_id(spec.index)
        ability = Ability(
            media=(self.addresses.of(spec.index),),
            copies=spec.copies,
            uplink_bps=spec.uplink_bps,
        )
        self.index[node] = spec.index
        self.hosts.append(SimHost(self, spec.index, node, ability))

    # --- identity and clocks --------------------------------------------------------

    def wall_ms(self, node: int, now: float) -> int:
        """The wall clock of a machine, which may have jumped."""
        return EPOCH_MS + int((now + self._jumped.get(node, 0.0)) * 1000)

    def sign(self, node: NodeId, data: bytes) -> bytes:
        """A stand-in for Ed25519: as long, not as safe, a hundred times cheaper."""
        return blake2b(data, key=node[-32:], digest_size=64).digest()

    def verify(self, node: NodeId, data: bytes, signature: bytes) -> bool:
        """Whether `sign` made it."""
        return self.sign(node, data) == signature

    def running(self, node: int) -> bool:
        """Whether the process answers."""
        host = self.hosts[node]
        return host.up and host.frozen is None

    # --- links ----------------------------------------------------------------------

    def dial(self, host: SimHost, output: Dial, now: float) -> None:
        """Set a link up: descriptors through a neighbour or by libp2p, then STUN and
        DTLS; the far end is asked when its descriptor is due.
        """
        target = self.index.get(output.peer.node)
        if target is None or target == host.index:
            raise StateError(f"a dial to nobody: {output.peer.node.hex()}")
        rtt = self.network.rtt(host.index, target)
        if output.peer.node in host.by_node:
            return
        through = None if output.through is None else self.index.get(output.through)
        if through is not None and output.through in host.by_node:
            paths = self.network.paths
            reach = paths.one_way(host.index, through) + paths.one_way(through, target)
        else:
            reach = 2.5 * rtt  # TCP, Noise and the link stream
        self.network.count(host.index, SETUP_OCTETS, Kind.SETUP)
        if reach > 1e6 or self.network.is_cut(host.index, target):
            reach = DIAL_TIMEOUT_S
        self.engine.after(reach, self._knock, host, host.generation, output, rtt)

    def _knock(self, host: SimHost, generation: int, output: Dial, rtt: float) -> None:
        target = self.hosts[self.index[output.peer.node]]
        now = self.engine.now
        if host.generation != generation or not host.up:
            return
        if not self.running(target.index) or self.network.is_cut(
            host.index, target.index
        ):
            self.engine.after(
                DIAL_TIMEOUT_S, self._failed, host, generation, output, ""
            )
            return
        label = target.node.accepts(host.node.record(), output.purpose, now)
        if label is not None:
            self.engine.after(rtt / 2, self._failed, host, generation, output, label)
            return
        self.network.count(target.index, SETUP_OCTETS, Kind.SETUP)
        self.engine.after(
            2.0 * rtt, self._joined, host, target, generation, output, rtt
        )

    def _failed(self, host: SimHost, generation: int, output: Dial, label: str) -> None:
        if host.generation == generation and host.up:
            peer = output.peer.node
            host.tell(host.node.dial_failed, peer, label or "timeout", self.engine.now)

    def _joined(
        self, host: SimHost, target: SimHost, generation: int, output: Dial, rtt: float
    ) -> None:
        now = self.engine.now
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
        self.engine.after(
            rtt / 2, self._here, host, generation, far, rtt, output.purpose
        )

    def _here(
        self, host: SimHost, generation: int, far: Far, rtt: float, purpose: Purpose
    ) -> None:
        target = self.hosts[far.host]
        if (
            host.generation != generation
            or not host.up
            or far.remote not in target.links
        ):
            return
        host.link_up(far, rtt, True, purpose, self.engine.now)

    def hang_up(self, host: SimHost, far: Far) -> None:
        """Close a link: here at once, there when the close_notify arrives."""
        host.links.pop(far.link, None)
        host.by_node.pop(far.node, None)
        self.network.send(
            host.index, far.host, 32, Kind.CONTROL, self._closed, far.host, far.remote
        )

    def _closed(self, node: int, link: LinkId, arrival: float) -> None:
        if self.hosts[node].up:
            self.hosts[node].link_down(link, arrival)

    def frame(self, node: int, link: LinkId, frame: bytes, arrival: float) -> None:
        """A control frame arrived."""
        host = self.hosts[node]
        if host.up and link in host.links:
            host.tell(host.node.receive, link, frame, arrival)

    def gossip(self, host: SimHost, output: Gossip) -> None:
        """An RPC goes out on the neighbour's ordered stream."""
        target = self.index[output.neighbour]
        self.network.send_ordered(
            host.index, target, len(output.rpc), Kind.GOSSIP, self._rpc,
            target, host.id, output.rpc,
        )  # fmt: skip

    def _rpc(self, node: int, source: NodeId, rpc: bytes, arrival: float) -> None:
        host = self.hosts[node]
        if host.up and source in host.by_node:
            host.tell(host.node.gossip_received, source, rpc, arrival)

    def probe(self, host: SimHost, output: Probe, now: float) -> None:
        """A STUN Binding to somebody's media port."""
        del now
        target = self.addresses.node_at(output.address)
        self.network.count(host.index, PROBE_OCTETS, Kind.PROBE)
        rtt = None
        if target is not None and self.running(target):
            self.network.count(target, PROBE_OCTETS + 24, Kind.PROBE)
            rtt = self.network.sample_rtt(host.index, target, Kind.PROBE)
        wait = PROBE_TIMEOUT_S if rtt is None else rtt
        self.engine.after(wait, self._probed, host, host.generation, output.token, rtt)

    def _probed(
        self, host: SimHost, generation: int, token: int, rtt: float | None
    ) -> None:
        if host.generation == generation:
            host.tell(host.node.probed, token, rtt, self.engine.now)

    def check(self, node: int, peer: int, link: LinkId) -> float | None:
        """One check of a link, answered by whoever still has its keys."""
        if not self.running(peer) or link not in self.hosts[peer].links:
            return None
        return self.network.sample_rtt(node, peer, Kind.PROBE)

    # --- media ----------------------------------------------------------------------

    def interval_s(self, stream: StreamId) -> float:
        """The present gap of a packet clock."""
        del stream
        return self._full_s if self.engine.now < self.alert_until else self._quiet_s

    def tick(self, stream: StreamId) -> None:
        """The publisher makes a packet."""
        clock = self.clocks[stream]
        if not clock.running:
            return
        host = self.hosts[clock.origin]
        now = self.engine.now
        interval = self.interval_s(stream)
        self._octets[stream] = int(clock.bitrate_bps * interval / 8)
        if self.running(clock.origin):
            clock.sequence += 1
            host.plane.emit(stream, clock.sequence, now)
        self.engine.after(interval, self.tick, stream)

    def send_media(
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
        there = far.host
        arrives = self.network.send(
            host.index, there, self._octets[packet.stream], Kind.MEDIA,
            self.hosts[there].media, host.id, alias, packet,
            hold_s=self._hop_s[host.index],
        )  # fmt: skip
        if not arrives and tries < REPAIRS_MAX and self.running(there):
            wait = self.network.rtt(host.index, there) + NACK_S
            if (tries + 1) * wait < REPAIR_WITHIN_S:
                self.engine.after(
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
        running = self.running(host.index)
        state = host.plane.streams.get(packet.stream) if running else None
        if state is not None and child in state.legs:
            self.send_media(host, child, alias, packet, tries)

    def activate(
        self, host: SimHost, parent: NodeId, stream: StreamId, sequence: int
    ) -> None:
        """The pre-programmed Activate of a plane to its standby."""
        far = host.by_node.get(parent)
        if far is not None:
            self.recorder.switched(host.index, stream, far.host, self.engine.now)
            self.network.send(
                host.index, far.host, 48, Kind.MEDIA, self._activate, far.host,
                host.id, stream, sequence,
            )  # fmt: skip

    def _activate(
        self, node: int, child: NodeId, stream: StreamId, sequence: int, arrival: float
    ) -> None:
        if self.running(node):
            self.hosts[node].plane.activated(stream, child, sequence, arrival)

    def heard_s(self, node: int, peer: NodeId) -> float | None:
        """The age of the last keep-alive of `peer` at `node`."""
        other = self.index[peer]
        host = self.hosts[other]
        now = self.engine.now
        if self.network.is_cut(other, node):
            return None
        if self.running(other):
            return 0.0
        return now - host.stopped_at - self.network.paths.one_way(other, node)

    def newest_at(self, node: int, peer: NodeId, stream: StreamId) -> int | None:
        """What the last heartbeat of the standby `peer` told `node`."""
        other = self.index[peer]
        if not self.running(other) or self.network.is_cut(other, node):
            return None
        state = self.hosts[other].plane.streams.get(stream)
        if state is None:
            return None
        delay = self.network.paths.one_way(other, node)
        return state.newest_before(self.engine.now - delay)

    def delivered(
        self, node: int, stream: StreamId, sequence: int, born: float, now: float
    ) -> None:
        """A plane took a new packet."""
        if stream in self.hosts[node].watching:
            self.recorder.delivered(node, stream, sequence, born, now)

    # --- what is recorded -----------------------------------------------------------

    def event(self, node: int, event: Event, now: float) -> None:
        """A brain says what happened."""
        if self.engine.log is not None:
            self.engine.log.write(now, f"{node} {event!r}")
        self.recorder.event(node, event, now)
        if self.finding is not None and isinstance(event, StreamFound):
            self.finding.found(node, event.stream, now)

    def table_changed(self, node: int, delta: relay.RelayDelta, now: float) -> None:
        """A brain programmed its plane."""
        self.recorder.table_changed(node, delta, now)

    def control_shares(self) -> dict[str, int]:
        """Octets of records that brains sent, by the package they belong to."""
        totals: dict[str, int] = {}
        for host in self.hosts:
            for name, octets in host.sent_octets().items():
                totals[name] = totals.get(name, 0) + octets
        return totals

    def alert(self) -> None:
        """Something broke: packet clocks at full rate, silences judged at once."""
        now = self.disturbed_at = self.engine.now
        calm = now >= self.alert_until
        self.alert_until = now + self._around_s
        if calm:
            for clock_stream in self.clocks:
                self.engine.after(0.0, self._hurry, clock_stream)

    def _hurry(self, stream: StreamId) -> None:
        for host in self.hosts:
            if host.up and host.frozen is None and stream in host.plane.streams:
                host.plane.judge(stream, self.engine.now)

    # --- the stage of workload and faults -------------------------------------------

    def alive(self) -> list[int]:
        """Machines whose process runs."""
        return [host.index for host in self.hosts if host.up]

    def relays(self) -> list[tuple[int, int]]:
        """Living machines with children, with the number of machines below."""
        below: dict[int, int] = {}
        for stream in self.clocks:
            for host in self.hosts:
                for ancestor in self.ancestors(host.index, stream):
                    below[ancestor] = below.get(ancestor, 0) + 1
        origins = set(self.origins())
        return sorted((n, size) for n, size in below.items() if n not in origins)

    def ancestors(self, node: int, stream: StreamId) -> list[int]:
        """The active parents of a machine, from the nearest to the origin."""
        found: list[int] = []
        here = node
        while len(found) <= len(self.hosts):
            parent = self.parent_of(here, stream)
            if parent is None or not self.hosts[parent].up:
                return found
            found.append(parent)
            here = parent
        return found

    def parent_of(self, node: int, stream: StreamId) -> int | None:
        """The active parent in the plane of a machine."""
        host = self.hosts[node]
        state = host.plane.streams.get(stream) if host.up else None
        return (
            None if state is None or state.parent is None else self.index[state.parent]
        )

    def parent(self, node: int) -> int | None:
        """The active parent of a machine in the first tree in which it has one."""
        found = (self.parent_of(node, stream) for stream in self.clocks)
        return next((parent for parent in found if parent is not None), None)

    def origins(self) -> list[int]:
        """Living machines with a publisher."""
        found = {clock.origin for clock in self.clocks.values() if clock.running}
        return sorted(node for node in found if self.hosts[node].up)

    def struck(self, strike: Strike) -> None:
        """A fault is about to strike; all that it kills, it kills at once."""
        fault, hit, now = strike.fault, strike.hit, strike.time_s
        self._announced = frozenset(hit)
        if fault.what is What.WORSEN:
            self.recorder.worsened(hit, now)
        elif fault.what is not What.LEAVE:
            self.recorder.broke(fault.what.value, fault.label, hit, now)
        if fault.what is What.PARTITION and self.finding is not None:
            self.finding.divided(now + (fault.for_s or math.inf))
        self.alert()

    def stop(self, node: int, now: float, *, goodbye: bool) -> None:
        """End a process; with `goodbye` it hands its children over first."""
        host = self.hosts[node]
        if not host.up:
            return
        if goodbye:
            host.tell(host.node.leave, now)
            self.engine.after(2.0, self._gone, host, host.generation)
        else:
            self._die(host, now)

    def _gone(self, host: SimHost, generation: int) -> None:
        if host.up and host.generation == generation:
            for far in list(host.links.values()):
                self.hang_up(host, far)
            host.stop(self.engine.now)

    def _die(self, host: SimHost, now: float) -> None:
        if host.index not in self._announced:
            self.recorder.broke("churn", "", [host.index], now)
        host.remembered = self.remember(host)
        far_ends = list(host.links.values())
        feeds = any(state.legs for state in host.plane.streams.values())
        host.stop(now)
        if feeds:
            self.alert()
        self._suspect(host, far_ends)

    def _suspect(self, host: SimHost, far_ends: Sequence[Far]) -> None:
        """Those who check a machine that may be dead do so event by event."""
        for far in far_ends:
            other = self.hosts[far.host]
            back = other.links.get(far.remote) if other.up else None
            if back is not None and back.host == host.index:
                other.watch_closely(back)

    def remember(self, host: SimHost) -> tuple[PeerRecord, ...]:
        """What a process has on disk: the neighbours it had."""
        records = (host.node.peer(far.node) for far in host.links.values())
        return tuple(record for record in records if record is not None)

    def start(self, node: int, now: float, *, keep_state: bool) -> None:
        """Start a process with what it remembers, or with bootstrap addresses."""
        host = self.hosts[node]
        if host.up:
            return
        peers = host.remembered if keep_state else ()
        host.start(self.config, peers or self._bootstrap(node), now)
        for stream, origin in host.watching.items():
            self._subscribe(host, stream, origin, now)
        for stream, clock in self.clocks.items():
            if clock.origin == node and clock.running:
                self._publish(host, stream, clock, now)

    def _bootstrap(self, node: int) -> tuple[PeerRecord, ...]:
        near = self.network.paths.reachable(node)
        others = range(len(self.hosts)) if near is None else near
        living = [self.hosts[n] for n in others if n != node and self.hosts[n].up]
        chosen = self.chance.sample(living, min(PEERS_TOLD, len(living)))
        return tuple(host.node.record() for host in chosen)

    def freeze(self, node: int, now: float) -> None:
        """Stop a process without ending it."""
        host = self.hosts[node]
        if host.up and host.frozen is None:
            host.frozen = deque()
            host.stopped_at = now
            self.alert()
            self._suspect(host, list(host.links.values()))

    def thaw(self, node: int, now: float) -> None:
        """Let a frozen process go on."""
        host = self.hosts[node]
        if host.up and host.frozen is not None:
            host.thaw(now)

    def jump_clock(self, node: int, by_s: float, now: float) -> None:
        """The wall clock of a machine jumps; its monotonic clock does not."""
        self._jumped[node] = self._jumped.get(node, 0.0) + by_s
        host = self.hosts[node]
        if host.up:
            host.tell(host.node.wall, self.wall_ms(node, now), now)

    def readdress(self, node: int, now: float) -> None:
        """A NAT reboot: links of the old address are dead until set up again."""
        host = self.hosts[node]
        address = self.addresses.move(node)
        host.ability = Ability(
            media=(address,),
            copies=host.ability.copies,
            uplink_bps=host.ability.uplink_bps,
        )
        if host.up:
            far_ends = list(host.links.values())
            for far in far_ends:
                other = self.hosts[far.host]
                other.links.pop(far.remote, None)
            self.alert()
            host.tell(host.node.able, host.ability, now)

    def lie(self, node: int, about: str, now: float) -> None:
        """Let a machine claim ten times what it has."""
        host = self.hosts[node]
        if about == "capacity" and host.up:
            claimed = Ability(
                media=host.ability.media,
                copies=10 * max(host.ability.copies, 1),
                uplink_bps=host.ability.uplink_bps,
            )
            host.tell(host.node.able, claimed, now)

    def publish(self, node: int, stream: Stream, now: float) -> None:
        """Let a publisher appear."""
        key = stream_of(stream.name)
        clock = Clock(stream.name, node, stream.bitrate_bps, stream.layers)
        old = self.clocks.get(key)
        if old is not None:
            clock.sequence = old.sequence + HISTORY_PACKETS
        self.clocks[key] = clock
        if self.hosts[node].up:
            self._publish(self.hosts[node], key, clock, now)
        self.engine.after(0.0, self.tick, key)

    def _publish(
        self, host: SimHost, stream: StreamId, clock: Clock, now: float
    ) -> None:
        share = clock.bitrate_bps // clock.layers
        host.tell(host.node.publish, stream, (share,) * clock.layers, now)
        if self.finding is not None:
            claim = self.finding.claim(clock.name, host.id, self.wall_ms(0, now))
            media = media_of(clock.layers, clock.bitrate_bps)
            host.tell(host.node.announce, claim, media, now)

    def unpublish(self, node: int, stream: Stream, now: float) -> None:
        """Let the publisher go."""
        key = stream_of(stream.name)
        self.clocks[key].running = False
        host = self.hosts[node]
        if host.up:
            host.tell(host.node.unannounce, key, now)
            host.tell(host.node.unpublish, key, now)
        if self.finding is not None:
            self.finding.ended(key, now)

    def subscribe(self, node: int, stream: str, now: float) -> None:
        """Let a viewer appear at a machine; it stays over restarts."""
        key = stream_of(stream)
        host = self.hosts[node]
        origin = node_id(self.clocks[key].origin)
        host.watching[key] = origin
        if host.up:
            self._subscribe(host, key, origin, now)

    def _subscribe(
        self, host: SimHost, stream: StreamId, origin: NodeId, now: float
    ) -> None:
        layers = (1 << self.clocks[stream].layers) - 1
        if self.finding is None:
            host.tell(host.node.subscribe, stream, origin, layers, 1, now)
            return
        if host.node.directory.resolve(stream) is None:
            self.finding.sought(host.index, stream, self.index[origin], now)
        host.tell(host.node.watch, stream, layers, 1, now)

    def unsubscribe(self, node: int, stream: str, now: float) -> None:
        """Let the viewer go."""
        key = stream_of(stream)
        host = self.hosts[node]
        if host.watching.pop(key, None) is not None and host.up:
            host.tell(host.node.unwatch, key, now)
            if self.finding is not None:
                self.finding.given_up(node, key, now)
