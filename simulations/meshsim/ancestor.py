"""The ancestor: a mesh that speaks the draft protocol (RFC 0012 section 10).

It takes the workload (`Stage`) and the faults (`Field`) of any scenario and runs in the
same engine and network as ours, so that a report can show both side by side.  It
assumes an overlay and trusts everybody, as the draft does.

Variants: `literal` is the draft; `expiry` forgets rows after 3 s; `replace` takes a
row's absence from a sync as its withdrawal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from meshsim.draft import SYNC_S, Member, Variant
from meshsim.engine import Engine
from meshsim.faults import Fault
from meshsim.loops import cycle
from meshsim.network import Kind, Network
from meshsim.workload import Stream

LOOP_SAMPLE_S = 0.05
PACKET_OCTETS = 1100


def _nobody(*_: object) -> None:
    """Nobody listens."""


class AncestorMesh:
    """All nodes of the draft; a `Stage` for workloads and a `Field` for faults."""

    def __init__(
        self,
        engine: Engine,
        network: Network,
        neighbours: Sequence[Sequence[int]],
        kinds: Sequence[str] = (),
        variant: Variant = Variant.LITERAL,
        packets_per_s: float = 20.0,
        copies: Sequence[int] = (),
    ) -> None:
        """`neighbours[node]` is the overlay, mutual and fixed."""
        self.network = network
        self.neighbours = neighbours
        self.kinds = kinds or ["plain"] * network.size
        self.copies = copies or [1] * network.size
        self.variant = variant
        self.circulating = 0
        self.changed = False
        self.packets = [0] * network.size
        """New packets that viewers at each node got."""
        self.duplicates = [0] * network.size
        self.longest_gap_s = [0.0] * network.size
        """The longest time between two new packets at each node, since `mark`."""
        self.loops: list[tuple[float, float]] = []
        """From when to when next hops of some channel formed a cycle."""
        self.told: Callable[[int, str, bool, float], object] = _nobody
        """Called for every packet at a viewer: node, stream, whether new, now."""
        self.made: Callable[[str, float], object] = _nobody
        """Called for every packet that a publisher makes: stream, now."""
        self.before: Callable[[Fault, Sequence[int], float], object] = _nobody
        """Called just before a fault has its effect."""
        self.members = [Member(self, index) for index in range(network.size)]
        self._engine = engine
        self._chance = engine.stream("ancestor")
        self._interval_s = 1.0 / packets_per_s
        self._last = [math.nan] * network.size
        self._streams: dict[str, int] = {}
        self._looping = False
        engine.after(LOOP_SAMPLE_S, self._look)

    # --- what is measured --------------------------------------------------------

    def mark(self) -> None:
        """Begin to measure gaps and loops anew."""
        self.longest_gap_s = [0.0] * len(self.members)
        self.loops = []

    @property
    def loop_s(self) -> float:
        """How long there was a loop, since `mark`."""
        return sum(end - start for start, end in self.loops)

    def next_hops(self, name: str) -> list[int | None]:
        """The best next hop of every node towards a stream; None at its publisher."""
        return [
            m.best(name) if m.awake and name not in m.local else None
            for m in self.members
        ]

    def parents(self, name: str) -> list[int | None]:
        """Whom every node asked last for a stream."""
        found = [m.relays.get(name) if m.awake else None for m in self.members]
        return [None if relay is None else relay.upstream for relay in found]

    def streams(self) -> list[str]:
        """Every stream that was ever published."""
        return list(self._streams)

    def delivered(self, node: int, name: str, *, again: bool, now: float) -> None:
        """A viewer at `node` got a packet of a stream."""
        self.told(node, name, not again, now)
        if again:
            self.duplicates[node] += 1
            return
        self.packets[node] += 1
        gap_s = now - self._last[node]
        self._last[node] = now
        self.longest_gap_s[node] = max(self.longest_gap_s[node], gap_s)

    def _look(self) -> None:
        """Sample whether there is a loop; a change every second needs no more."""
        now = self._engine.now
        looping = self._looping
        if self.changed:
            self.changed = False
            looping = any(cycle(self.next_hops(name)) for name in self._streams)
        if looping and self._looping and self.loops:
            self.loops[-1] = (self.loops[-1][0], now + LOOP_SAMPLE_S)
        elif looping:
            self.loops.append((now, now + LOOP_SAMPLE_S))
        self._looping = looping
        self._engine.after(LOOP_SAMPLE_S, self._look)

    # --- how members talk --------------------------------------------------------

    def cost_s(self, src: int, dst: int) -> float:
        """The round trip between neighbours."""
        return self.network.rtt(src, dst)

    def tell(
        self,
        src: int,
        dst: int,
        octets: int,
        deliver: Callable[..., None],
        content: Any,
    ) -> None:
        """Send control over the connection; `deliver(src, content, arrival)`."""
        self.network.send_ordered(src, dst, octets, Kind.CONTROL, deliver, src, content)

    def pass_on(self, src: int, dst: int, name: str, sequence: int) -> None:
        """Send a packet of data."""
        deliver = self.members[dst].packet
        self.network.send(src, dst, PACKET_OCTETS, Kind.MEDIA, deliver, name, sequence)

    # --- Stage and Field ---------------------------------------------------------

    def alive(self) -> list[int]:
        """Nodes whose process runs."""
        return [m.index for m in self.members if m.awake]

    def relays(self) -> list[tuple[int, int]]:
        """Nodes with destinations that publish nothing, and how many they have."""
        counts = [
            (m.index, sum(len(relay.destinations) for relay in m.relays.values()))
            for m in self.members
            if m.awake and not m.local
        ]
        return [(node, count) for node, count in counts if count]

    def parent(self, node: int) -> int | None:
        """Whom `node` asked last, in its first channel."""
        relays = self.members[node].relays.values()
        return next((r.upstream for r in relays if r.upstream is not None), None)

    def origins(self) -> list[int]:
        """Living nodes with a publisher."""
        return [m.index for m in self.members if m.awake and m.local]

    def expected(self) -> None:
        """A fault comes soon: nothing to do, the draft's clock has one rate."""

    def struck(self, fault: Fault, hit: Sequence[int], now: float) -> None:
        """A fault is about to have its effect."""
        self.before(fault, hit, now)

    def start(self, node: int, now: float, *, keep_state: bool) -> None:  # noqa: ARG002
        """Start a node; the draft persists nothing, viewers come back."""
        member = self.members[node]
        if member.awake:
            return
        member.forget()
        self.changed = True
        member.wake(now, self._chance.random() * SYNC_S)
        for name in list(member.watching):
            member.watch(name)
        self._engine.rearm(member)

    def stop(self, node: int, now: float, *, goodbye: bool) -> None:  # noqa: ARG002
        """End a node; the draft knows no goodbye."""
        self.members[node].awake = False
        self.changed = True

    def publish(self, node: int, stream: Stream, now: float) -> None:
        """A publisher appears; its packets begin at once."""
        self._streams[stream.name] = node
        self.members[node].local[stream.name] = stream
        self._make(node, stream, 0, now)

    def unpublish(self, node: int, stream: Stream, now: float) -> None:  # noqa: ARG002
        """The publisher goes; nobody is told, as in the draft."""
        self.members[node].local.pop(stream.name, None)
        self.changed = True

    def subscribe(self, node: int, stream: str, now: float) -> None:  # noqa: ARG002
        """A viewer appears at `node`."""
        self.members[node].watch(stream)

    def unsubscribe(self, node: int, stream: str, now: float) -> None:  # noqa: ARG002
        """The viewer goes."""
        self.members[node].unwatch(stream)

    def freeze(self, node: int, now: float) -> None:
        """A frozen node is a silent one here: nothing waits for it."""
        self.stop(node, now, goodbye=False)

    def thaw(self, node: int, now: float) -> None:
        """It goes on with what it knew."""
        member = self.members[node]
        if not member.awake:
            member.wake(now, 0.0)
            self.changed = True
            self._engine.rearm(member)

    def jump_clock(self, node: int, by_s: float, now: float) -> None:
        """The draft has no absolute times."""

    def readdress(self, node: int, now: float) -> None:  # noqa: ARG002
        """Its connections break and are made anew: what it learned is lost."""
        self.members[node].forget()
        self.changed = True

    def lie(self, node: int, about: str, now: float) -> None:  # noqa: ARG002
        """Claim every stream at cost 0: nothing in the draft prevents it."""
        for name in self._streams:
            self.members[node].local.setdefault(name, Stream(name))
        self.changed = True

    def _make(self, node: int, stream: Stream, sequence: int, now: float) -> None:
        member = self.members[node]
        if stream.name not in member.local:
            return
        self.made(stream.name, now)
        member.packet(stream.name, sequence, now)
        at = now + self._interval_s
        self._engine.at(at, self._make, node, stream, sequence + 1, at)
