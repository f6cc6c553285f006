"""One simulated machine: a brain and a plane, driven in virtual time.

The brain is `meshproto.Node`, the very code that the runtime drives on sockets.  A host
does for it what sockets, DTLS and STUN do there: it carries frames, sets links up at
the price of their round trips, answers probes, and checks links.

Checks of links that are well are sampled in closed form, one event per host and two
seconds, with their octets counted; as soon as something may be broken each check is an
event of its own (RFC 0012 section 3).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from meshproto.events import Event
from meshproto.forwarding import relay_table as relay
from meshproto.ids import LinkId, NodeId, StreamId
from meshproto.node import Ability, Identity, Node, NodeConfig
from meshproto.outputs import (
    Deliver,
    Dial,
    Gossip,
    HangUp,
    Pace,
    Probe,
    Purpose,
    Transmit,
)
from meshproto.wire.control.peer import PeerRecord
from meshsim.network import Kind
from meshsim.plane import MediaPacket, SimPlane

if TYPE_CHECKING:
    from meshsim.mesh import Mesh

CHECK_S = 2.0
TREE_CHECK_S = 0.25
CHECK_OCTETS = 84
PROBE_OCTETS = 28
PROBE_TIMEOUT_S = 0.5
SETUP_OCTETS = 2_900
"""ICE checks and a DTLS handshake with certificates, one side's share."""

DIAL_TIMEOUT_S = 1.5
FROZEN_MAX = 4_096
_RELAY = (
    relay.OpenStream
    | relay.CloseStream
    | relay.SetActive
    | relay.SetSecond
    | relay.OpenLeg
    | relay.SetLeg
    | relay.CloseLeg
)


@dataclass(slots=True)
class Far:
    """The other end of a link; `checks` counts dense checks under way."""

    host: int
    node: NodeId
    link: LinkId
    remote: LinkId
    tree: bool = False
    dense: bool = False


class SimHost:
    """The process on machine `index`; `up` while it runs."""

    __slots__ = (
        "_past",
        "_wakes",
        "_world",
        "ability",
        "alarm",
        "began_at",
        "by_node",
        "epoch",
        "frozen",
        "generation",
        "id",
        "index",
        "links",
        "node",
        "plane",
        "remembered",
        "stopped_at",
        "up",
        "watching",
    )

    def __init__(self, world: Mesh, index: int, node: NodeId, ability: Ability) -> None:
        self._world = world
        self.index = index
        self.id = node
        self.ability = ability
        self.alarm = math.inf
        self.up = False
        self.frozen: deque[Callable[[], None]] | None = None
        self.stopped_at = self.began_at = 0.0
        self.generation = 0
        self.epoch = 0
        self.links: dict[LinkId, Far] = {}
        self.by_node: dict[NodeId, Far] = {}
        self.remembered: tuple[PeerRecord, ...] = ()
        self.watching: dict[StreamId, NodeId] = {}
        self._wakes: dict[StreamId, float] = {}
        self._past: Counter[str] = Counter()
        self.node: Node
        self.plane: SimPlane

    # --- the process ----------------------------------------------------------------

    def start(
        self, config: NodeConfig, peers: tuple[PeerRecord, ...], now: float
    ) -> None:
        """A new process: a new epoch, an empty plane, the peers it is told of."""
        world = self._world
        self.up, self.frozen = True, None
        self.began_at = now
        self.generation += 1
        self.epoch = max(self.epoch + 1, world.wall_ms(self.index, now))
        self.alarm = math.inf
        self.plane = SimPlane(_PlaneView(world, self), self._delivered)
        self._wakes.clear()
        self.node = Node(
            Identity(self.id, self.epoch, partial(world.sign, self.id)),
            world.engine.stream(f"host/{self.index}"),
            world.verify,
            self._history,
            config,
        )
        self.node.wall(world.wall_ms(self.index, now), now)
        self.node.start(self.ability, peers, now)
        self.drain(now)
        first = CHECK_S * world.chance.random()
        world.engine.after(first, self._check_all, self.generation)
        world.signals.begin(self)

    def stop(self, now: float) -> None:
        """The process dies; nobody is told."""
        if self.up:
            self._past.update(self.node.sent_octets())
        self.up, self.frozen = False, None
        self.stopped_at = now
        self.links.clear()
        self.by_node.clear()

    def sent_octets(self) -> dict[str, int]:
        """Octets of records that were sent from this machine, by package."""
        if not self.up:
            return dict(self._past)
        past = self._past
        return {name: n + past[name] for name, n in self.node.sent_octets().items()}

    def next_timeout(self) -> float | None:
        """The brain's deadline, None while nothing runs."""
        return self.node.next_timeout() if self.up and self.frozen is None else None

    def handle_timeout(self, now: float) -> None:
        """Let the brain do what is due."""
        self.node.handle_timeout(now)
        self._drain(now)

    def tell(self, verb: Callable[..., Any], *args: Any) -> None:
        """One input to the brain: `verb(*args)`, then drain and re-arm."""
        if not self.up:
            return
        if self.frozen is not None:
            if len(self.frozen) < FROZEN_MAX:
                self.frozen.append(partial(self._thawed, verb, *args[:-1]))
            return
        verb(*args)
        self.drain(self._world.engine.now)

    def _thawed(self, verb: Callable[..., Any], *args: Any) -> None:
        verb(*args, self._world.engine.now)

    def thaw(self, now: float) -> None:
        """Go on: what waited in the socket is read first."""
        waiting, self.frozen = self.frozen, None
        for call in waiting or ():
            call()
        self.drain(now)

    def drain(self, now: float) -> None:
        """Carry out everything that the brain asks for, then look at its deadline."""
        self._drain(now)
        self._world.engine.rearm(self)

    def _drain(self, now: float) -> None:
        poll = self.node.poll
        while (output := poll()) is not None:
            if isinstance(output, Transmit):
                self._transmit(output)
            elif isinstance(output, Event):
                self._world.event(self.index, output, now)
            else:
                self._act(output, now)

    def _act(self, output: Any, now: float) -> None:
        world = self._world
        if isinstance(output, _RELAY):
            self.plane.apply(output, now)
            world.table_changed(self.index, output, now)
        elif isinstance(output, Dial):
            world.wiring.dial(self, output)
        elif isinstance(output, Probe):
            world.wiring.probe(self, output)
        elif isinstance(output, HangUp):
            far = self.by_node.get(output.neighbour)
            if far is not None:
                world.wiring.hang_up(self, far)
        elif isinstance(output, Pace):
            far = self.by_node.get(output.neighbour)
            if far is not None:
                far.tree = output.tree
        elif isinstance(output, Gossip):
            world.wiring.gossip(self, output)
        elif isinstance(output, Deliver):
            pass  # clients are not simulated
        else:
            raise TypeError(f"an output that nobody carries out: {output!r}")

    def _transmit(self, output: Transmit) -> None:
        far = self.links.get(output.link)
        if far is not None:
            world = self._world
            world.network.send(
                self.index,
                far.host,
                len(output.frame),
                Kind.CONTROL,
                world.wiring.frame,
                far.host,
                far.remote,
                output.frame,
            )

    def _history(self, stream: StreamId) -> tuple[int, int] | None:
        state = self.plane.streams.get(stream)
        if state is None or state.newest < 0:
            return None
        return state.newest, state.newest

    # --- links ----------------------------------------------------------------------

    def link_up(
        self, far: Far, rtt_s: float, outbound: bool, purpose: Purpose, now: float
    ) -> None:
        """A link stands: at this end too."""
        self.links[far.link] = far
        self.by_node[far.node] = far
        if not self._world.elide:
            self.watch_closely(far)
        self.tell(self.node.link_up, far.link, far.node, rtt_s, outbound, purpose, now)

    def link_down(self, link: LinkId, now: float) -> None:
        """The other end closed the link."""
        far = self.links.pop(link, None)
        if far is not None:
            if self.by_node.get(far.node) is far:
                del self.by_node[far.node]
            self.tell(self.node.link_down, link, now)

    def _check_all(self, generation: int) -> None:
        """Checks of all links that are well, in closed form."""
        world = self._world
        if generation != self.generation or not self.up:
            return
        now = world.engine.now
        world.engine.after(CHECK_S, self._check_all, generation)
        if self.frozen is not None:
            return
        world.signals.count(self, CHECK_S)
        sample, network = world.network.sample_rtt, world.network
        results: list[tuple[NodeId, float | None]] = []
        asked = 0
        for far in list(self.links.values()):
            if far.dense:
                continue
            checks = 8 if far.tree else 1
            asked += checks
            network.count(far.host, CHECK_OCTETS, Kind.PROBE, checks)
            if not world.running(far.host):
                self.watch_closely(far)
                continue
            rtt = sample(self.index, far.host, Kind.PROBE)
            results.append((far.node, rtt))
            if rtt is None:
                self.watch_closely(far)
        network.count(self.index, CHECK_OCTETS, Kind.PROBE, asked)
        self.node.checked(results, now)
        self.drain(now)

    def watch_closely(self, far: Far) -> None:
        """Something may be broken: from now on every check is an event."""
        if not far.dense:
            far.dense = True
            gap = TREE_CHECK_S if far.tree else CHECK_S
            first = gap * self._world.chance.random()
            self._world.engine.after(first, self._dense, self.generation, far, 0)

    def _dense(self, generation: int, far: Far, good: int) -> None:
        world = self._world
        if generation != self.generation or self.links.get(far.link) is not far:
            return
        self._world.network.count(self.index, CHECK_OCTETS, Kind.PROBE)
        rtt = world.wiring.check(self.index, far.host, far.remote)
        if rtt is not None:
            world.network.count(far.host, CHECK_OCTETS, Kind.PROBE)
        wait = rtt if rtt is not None else 2.0 * world.network.rtt(self.index, far.host)
        world.engine.after(wait, self._dense_answer, generation, far, good, rtt)

    def _dense_answer(
        self, generation: int, far: Far, good: int, rtt: float | None
    ) -> None:
        world = self._world
        if generation != self.generation or self.links.get(far.link) is not far:
            return
        self.tell(self.node.checked, [(far.node, rtt)], world.engine.now)
        if rtt is None:
            self._dense(generation, far, 0)  # a missed check is repeated at once
        elif good >= 3 and world.elide:
            far.dense = False
        else:
            gap = TREE_CHECK_S if far.tree else CHECK_S
            wait = max(gap - rtt, 0.0)  # why less: the gap is between questions
            world.engine.after(wait, self._dense, generation, far, good + 1)

    # --- media ----------------------------------------------------------------------

    def media(
        self, source: NodeId, alias: int, packet: MediaPacket, now: float
    ) -> None:
        """A packet of a relay leg arrived."""
        if self.up and self.frozen is None and source in self.by_node:
            self.plane.receive(source, alias, packet, now)

    def _delivered(
        self, stream: StreamId, sequence: int, born: float, now: float
    ) -> None:
        """The plane took a new packet: is there a viewer for it?"""
        if stream in self.watching:
            self._world.recorder.delivered(self.index, stream, sequence, born, now)

    def wake(self, stream: StreamId, at: float) -> None:
        """The plane wants to judge a silence then."""
        pending = self._wakes.get(stream)
        if pending is None or at < pending:
            self._wakes[stream] = at
            self._world.engine.at(at, self._judge, self.generation, stream, at)

    def _judge(self, generation: int, stream: StreamId, at: float) -> None:
        if generation != self.generation or self._wakes.get(stream) != at:
            return
        del self._wakes[stream]
        if self.up and self.frozen is None:
            self.plane.judge(stream, at)


class _PlaneView:
    """What a plane sees of the world."""

    __slots__ = ("_host", "_send", "_world")

    def __init__(self, world: Mesh, host: SimHost) -> None:
        self._world = world
        self._host = host
        self._send = world.flow.send

    def interval_s(self, stream: StreamId) -> float:
        return self._world.flow.interval_s(stream)

    def alert(self) -> bool:
        return self._world.alerted

    def send(self, child: NodeId, alias: int, packet: MediaPacket) -> None:
        self._send(self._host, child, alias, packet, 0)

    def activate(self, parent: NodeId, stream: StreamId, sequence: int) -> None:
        self._world.flow.activate(self._host, parent, stream, sequence)

    def rtt_s(self, peer: NodeId) -> float:
        return self._world.network.rtt(self._host.index, self._world.index[peer])

    def heard_s(self, peer: NodeId) -> float | None:
        return self._world.signals.heard_s(self._host.index, peer)

    def newest_at(self, peer: NodeId, stream: StreamId) -> int | None:
        return self._world.signals.newest_at(self._host.index, peer, stream)

    def wake(self, stream: StreamId, at: float) -> None:
        self._host.wake(stream, at)

    def circulated(self, stream: StreamId, sequence: int) -> None:
        self._world.recorder.circulated(self._host.index, stream, sequence)

    def notice(self, notice: relay.PlaneNotice) -> None:
        world, host = self._world, self._host
        # why later: the plane is in the middle of a packet, the brain may change it
        world.engine.after(
            0.0, host.tell, host.node.plane_notice, notice, world.engine.now
        )
