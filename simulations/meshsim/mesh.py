"""All machines of a run: who they are, how they hang together, what is written down.

`Mesh` knows everything and decides nothing.  `wiring` carries control between hosts and
`flow` media; `Stage` lets workload and faults act.  What brains and planes did goes to
the recorder, which hands it to the checkers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from meshproto.distribution.events import StreamEnded
from meshproto.events import Event
from meshproto.forwarding import relay_table as relay
from meshproto.gossip.directory_events import StreamFound
from meshproto.ids import NodeId, StreamId
from meshproto.node import Ability, NodeConfig
from meshsim.addresses import Addresses
from meshsim.engine import Engine
from meshsim.finding import Finding
from meshsim.flow import Flow
from meshsim.host import SimHost
from meshsim.network import Network
from meshsim.population import NodeSpec
from meshsim.scenario import Media
from meshsim.signals import Sampled, Sent, Signals
from meshsim.wiring import Wiring

EPOCH_MS = 1_800_000_000_000
PREFIX = b"\x00\x24\x08\x01\x12\x20"


class Recorder(Protocol):
    """What writes a run down."""

    def event(self, node: int, event: Event, now: float) -> None:
        """A brain says what happened."""
        ...

    def table_changed(self, node: int, delta: relay.RelayDelta, now: float) -> None:
        """A brain programmed its plane."""
        ...

    def delivered(
        self, node: int, stream: StreamId, sequence: int, born: float, now: float
    ) -> None:
        """A viewer's plane took a new packet."""
        ...

    def circulated(self, node: int, stream: StreamId, sequence: int) -> None:
        """A packet ran out of hops."""
        ...

    def broke(self, kind: str, label: str, nodes: Sequence[int], now: float) -> None:
        """A fault is about to strike."""
        ...

    def stopped(self, node: int) -> None:
        """A process ended."""
        ...

    def worsened(self, nodes: Sequence[int], now: float) -> None:
        """The paths of these to their parents are about to become longer."""
        ...

    def switched(self, node: int, stream: StreamId, parent: int, now: float) -> None:
        """A plane activated its standby on its own."""
        ...


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
    """See the essay."""

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
        self.recorder = recorder
        self.config = config
        self.addresses = addresses
        self.index: dict[NodeId, int] = {}
        self.hosts: list[SimHost] = []
        self.clocks: dict[StreamId, Clock] = {}
        self.alert_until = 0.0
        self.disturbed_at = 0.0
        self._around_s = media.around_s
        self.jumped: dict[int, float] = {}
        self.finding = Finding(self.sign, network.is_cut) if directory else None
        self.elide = elide
        self.ended: Callable[[int, StreamId], object] | None = None
        """Told when a brain gives a stream up: a directory would look again."""
        for spec in specs:
            self._add(spec)
        self.wiring = Wiring(self)
        self.flow = Flow(self, media, elide=elide)
        self.signals: Signals = Sampled(self) if elide else Sent(self)

    def _add(self, spec: NodeSpec) -> None:
        node = node_id(spec.index)
        ability = Ability(
            media=(self.addresses.of(spec.index),),
            copies=spec.copies,
            uplink_bps=spec.uplink_bps,
        )
        self.index[node] = spec.index
        self.hosts.append(SimHost(self, spec.index, node, ability))

    # --- identity and clocks ----------------------------------------------------------

    def wall_ms(self, node: int, now: float) -> int:
        """The wall clock of a machine, which may have jumped."""
        return EPOCH_MS + int((now + self.jumped.get(node, 0.0)) * 1000)

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

    # --- what is recorded -----------------------------------------------------------

    def event(self, node: int, event: Event, now: float) -> None:
        """A brain says what happened."""
        if self.engine.log is not None:
            self.engine.log.write(now, f"{node} {event!r}")
        self.recorder.event(node, event, now)
        if self.finding is not None and isinstance(event, StreamFound):
            self.finding.found(node, event.stream, now)
        if self.ended is not None and isinstance(event, StreamEnded):
            self.ended(node, event.stream)

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

    @property
    def alerted(self) -> bool:
        """Whether something broke a moment ago."""
        return not self.elide or self.engine.now < self.alert_until

    def alert(self) -> None:
        """Something broke: packet clocks at full rate, silences judged at once."""
        self.disturbed_at = self.engine.now
        self.hasten()

    def hasten(self) -> None:
        """Let packet clocks run at full rate for a while."""
        now = self.engine.now
        calm = now >= self.alert_until
        self.alert_until = now + self._around_s
        if calm:
            for clock_stream in self.clocks:
                self.engine.after(0.0, self._hurry, clock_stream)

    def _hurry(self, stream: StreamId) -> None:
        for host in self.hosts:
            if host.up and host.frozen is None and stream in host.plane.streams:
                host.plane.judge(stream, self.engine.now)

    # --- how they hang together -------------------------------------------------------

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

    def connected(self, node: int) -> frozenset[int]:
        """Running machines that can reach `node` over running machines."""
        network, running = self.network, self.running
        near = network.paths.reachable
        if near(node) is None and not network.divided:
            return frozenset(n for n in range(len(self.hosts)) if running(n))
        found, rest = {node}, {n for n in range(len(self.hosts)) if running(n)} - {node}
        edge = [node]
        while edge and rest:
            here = edge.pop()
            beside = near(here)
            met = [
                n
                for n in (rest if beside is None else beside)
                if n in rest and network.passes(here, n)
            ]
            rest.difference_update(met)
            found.update(met)
            edge += met
        return frozenset(found)

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
