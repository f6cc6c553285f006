"""`Control`: a node's place in the mesh, for whoever composes a node.

    control = Control(identity, host, plane, make_links, ability, log=log)
    await control.start()
    control.publish("cam", media, (2_500_000,))
    control.watch(control.find("other").stream, Wish(layers=1, viewers=1))
    await control.leave(); await control.close()

It joins the parts of this package and is the only one that knows them all: the brain
behind its driver, the links, libp2p, the way into the mesh.  What it needs is handed
in; what happens in the directory of streams goes to `on_change`, everything else to
the event log.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from meshnode.control import envelope, newswire
from meshnode.control.changes import StreamChange, StreamSeen
from meshnode.control.driver import Driver
from meshnode.control.envelope import Kind
from meshnode.control.identity import Identity, verify
from meshnode.control.joining import Joining
from meshnode.control.libp2p import values as host_events
from meshnode.control.libp2p.multiaddress import Multiaddress, from_octets
from meshnode.control.linking import Linking, MakeLinks
from meshnode.control.naming import Naming
from meshnode.control.reach import WORDS, Reachability, media_addresses
from meshnode.control.reporting import Report
from meshnode.control.saying import Saying, Sayings
from meshnode.control.seam import Address, Host, Plane
from meshnode.control.streams import Streams
from meshnode.control.tasks import Tasks
from meshnode.observe.mesh_status import MeshStatus
from meshnode.observe.trace import Trace
from meshproto.errors import DecodeError
from meshproto.events import Event, Refused
from meshproto.forwarding.relay_table import PlaneNotice
from meshproto.ids import NodeId, StreamId, StreamName
from meshproto.node import Ability, Node, NodeConfig, Wish
from meshproto.node import Identity as BrainIdentity
from meshproto.outputs import Deliver
from meshproto.wire import peer_id
from meshproto.wire.control.directory import Media
from meshproto.wire.control.peer import MEDIA_ADDRESSES_MAX, PeerRecord, Reach

LEAVE_S = 2.0
"""For children to move away: the brain's own patience is 1.5 s."""
LEAVE_POLL_S = 0.02
LOOK_S = 60.0
"""Between two looks at the own addresses and claims."""


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Control:
    """One node's control plane on the running loop; build it there."""

    def __init__(
        self,
        identity: Identity,
        host: Host,
        plane: Plane,
        make_links: MakeLinks,
        ability: Callable[[], Ability],
        *,
        log: newswire.Log,
        contacts: Iterable[Multiaddress] = (),
        data: Path | None = None,
        config: NodeConfig | None = None,
        role: str = "both",
        own_addresses: Iterable[Address] = (),
    ) -> None:
        clock = asyncio.get_running_loop().time
        self._identity = identity
        self._host = host
        self._ability = ability
        self._able = Ability(())
        self._log = log
        self._role = role
        self._tasks = Tasks()
        self._reach = Reachability(own_addresses)
        self._refused: Counter[str] = Counter()
        keys, chance = identity.keys, random.SystemRandom()
        self.node, self.sign = keys.node, keys.sign
        brain = Node(
            BrainIdentity(keys.node, identity.epoch, keys.sign),
            chance,
            verify,
            plane.stream_history,
            config,
        )
        self._brain = brain
        self._linking = Linking(
            *(brain, host, plane, make_links, self._tasks, log),
            self._reach.called,
            clock,
        )
        self._driver = Driver(
            brain, self._linking.carrier, self._happened, clock=clock, wall_ms=wall_ms
        )
        self._linking.drive(self._driver)
        self._streams = Streams(self._driver, keys.seed, wall_ms)
        self.sayings = Sayings(host, self._linking.addresses_of, self._tasks, clock)
        """What members of rooms say, from node to node."""
        self._joining = Joining(
            self, host, contacts, data, self._tasks, self._alone, chance, clock
        )
        self._naming = Naming(
            lambda stream: self._driver.tell("name", brain.name_path, stream)
        )
        self.report = Report(brain, self._linking.neighbours, self._streams.names)
        """What more there is to ask: the way of a stream, nodes to enter by."""

    # -- life --------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen and join.  Raises `StateError` when the port of libp2p is taken."""
        self._host.on_event(self._from_host)
        self._host.serve_exchange(self._asked)
        await self._host.start()
        self._able = self._present_ability()
        self._driver.start()
        self._driver.tell(
            "start", self._brain.start, self._able, self._joining.remembered()
        )
        self._joining.start()
        self._tasks.spawn(self._look_after_itself())

    async def leave(self) -> None:
        """Go gracefully: own streams end, children move to others, then goodbye."""
        self._driver.tell("leave", self._brain.leave)
        end = self._driver.now + LEAVE_S
        trees = self._brain.view.trees
        while not trees.gone and self._driver.now < end:  # noqa: ASYNC110
            await asyncio.sleep(LEAVE_POLL_S)
        self.part(self._brain.view.links.neighbours(), "leaving")

    def part(self, neighbours: Iterable[NodeId], reason: str) -> None:
        """Say goodbye to neighbours."""
        self._driver.tell("part", self._brain.part, neighbours, reason)

    def judge(self, carries: Callable[[StreamId], bool]) -> None:
        """Which streams of others this node passes on from now on."""
        self._driver.tell("judge", self._brain.judge, carries)

    async def close(self) -> None:
        """Stop at once; after `leave` nobody minds."""
        self._joining.save()
        await self._tasks.close()
        self._driver.close()
        self._linking.close()
        await self._host.close()

    async def _look_after_itself(self) -> None:
        """Now and then: interfaces come and go, claims run out."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._streams.own.renew()
            self.able()

    def able(self) -> None:
        """Look at what this node has to give, and tell if that changed."""
        found = self._present_ability()
        if found != self._able:
            self._able = found
            self._driver.tell("able", self._brain.able, found)

    def _present_ability(self) -> Ability:
        """What was configured, under the addresses by which others saw us as well."""
        given, verdict = self._ability(), self._reach.verdict
        if verdict is None:
            return given
        mapped = media_addresses(self._reach.mapped_addresses)
        # why first: behind a NAT the own addresses are of use to few
        media = given.media if verdict is Reach.DIRECT else (*mapped, *given.media)
        kept = tuple(dict.fromkeys(media))[:MEDIA_ADDRESSES_MAX]
        return replace(given, media=kept, reach=verdict)

    # -- streams -----------------------------------------------------------------------

    def on_change(self, handler: Callable[[StreamChange], None]) -> None:
        """Set who hears of the directory of streams."""
        self._streams.on_change(handler)

    def publish(
        self,
        name: StreamName,
        media: Media,
        rates_bps: tuple[int, ...],
        secret: bytes | None = None,
    ) -> StreamId:
        """Offer a stream of this node to the mesh, or say that it changed.

        `rates_bps` has one rate per layer, audio in the first; `secret` (32 octets) is
        what the publisher's claim is derived from, None for this node's own.  Raises
        `MeshError` at a bound.
        """
        return self._streams.publish(name, media, rates_bps, secret)

    def unpublish(self, stream: StreamId) -> None:
        """The publisher is gone for good; unknown streams are fine."""
        self._streams.unpublish(stream)

    def stream(self, name: StreamName, secret: bytes | None = None) -> StreamId:
        """The id that `name` would have for the holder of `secret`."""
        return self._streams.own.stream(name, secret)

    def find(self, called: str) -> StreamSeen | None:
        """The stream that is called so here, None while nobody has it."""
        return self._streams.find(called)

    def faraway(self) -> list[tuple[str, tuple[str, ...]]]:
        """Names and codecs of the streams that other nodes have."""
        found = self.report.streams()
        return [(s.name, s.codecs) for s in found if s.codecs and not s.here]

    def known(self, stream: StreamId) -> StreamSeen | None:
        """What is known of a stream, None while nobody has it."""
        return self._streams.known(stream)

    def watch(self, stream: StreamId, wish: Wish) -> None:
        """Viewers here want a stream, wherever it comes to be.

        Again when the wish changes.  Raises `LimitError` when too much is watched.
        """
        self._driver.tell("watch", self._brain.watch, stream, wish)

    def unwatch(self, stream: StreamId) -> None:
        """Nobody here wants it any more; unknown streams are fine."""
        self._driver.tell("unwatch", self._brain.unwatch, stream)

    def say(self, stream: StreamId, label: str, data: bytes | str) -> bool:
        """A client here said something on a data channel: the publisher of `stream` to
        all its viewers, or a viewer to the publisher.  Whether it went anywhere.
        """
        return bool(self._driver.tell("say", self._brain.say, stream, label, data))

    def on_message(self, handler: Callable[[Deliver], None]) -> None:
        """Set who gets messages for clients here."""
        self._linking.carrier.deliver = handler

    def tell_node(self, node: NodeId, saying: Saying) -> bool:
        """Have a node hear what a member of a room says; False where it is too much."""
        return self.sayings.say(node, saying)

    def fed(self, stream: StreamId) -> bool:
        """Whether packets of the stream come from a parent."""
        trees = self._brain.view.trees
        return trees.parent(stream) is not None and trees.live(stream)

    # -- what planes and links report --------------------------------------------------

    def probed(self, token: int, rtt_s: float | None) -> None:
        """A probe was answered, or (None) was not."""
        self._driver.tell("probed", self._brain.probed, token, rtt_s)

    def mapped(self, address: Address, by: Address) -> None:
        """Somebody sees us as `address`."""
        before = self._reach.verdict
        if self._reach.mapped(address, by):
            self.able()
        self._tell_reach(before)

    def granted(self, address: Address | None) -> None:
        """The router lets others in under `address`, or (None) not any more."""
        before = self._reach.verdict
        self._reach.granted(address)
        self.able()
        self._tell_reach(before)

    def _tell_reach(self, before: Reach | None) -> None:
        after = self._reach.verdict
        if after is not None and after is not before:
            self._log.emit("Reachable", how=WORDS[after])

    def noticed(self, notice: PlaneNotice) -> None:
        """The plane saw something on a relay leg."""
        self._driver.tell("notice", self._brain.plane_notice, notice)

    # -- looking -----------------------------------------------------------------------

    def status(self) -> MeshStatus:
        """Everything there is to say of the mesh."""
        return MeshStatus(
            node=peer_id.to_text(self.node),
            epoch=self._identity.epoch,
            role=self._role,
            reach=self._reach_word(),
            bootstrap=self._bootstrap_lines(),
            peers=self.report.peers(self._driver.now),
            routes=self.report.routes(),
            trees=self.report.trees(),
            streams=tuple(self.report.streams()),
            counters=self._counters(),
        )

    async def trace(self, called: str) -> Trace | None:
        """The way of a stream, far hops by name if the mesh tells them in time.

        None where nobody publishes it.
        """
        stream = self.report.named(called)
        if stream is not None:
            await self._naming.learn(stream, lambda: not self.report.unnamed(stream))
        return self.report.trace(called)

    def _bootstrap_lines(self) -> tuple[str, ...]:
        """What the next node is started with, best first."""
        addresses = map(from_octets, self._able.control)
        return tuple(str(replace(a, node=self.node)) for a in addresses)

    @property
    def port(self) -> int:
        """The TCP port of libp2p."""
        return self._host.port

    def _counters(self) -> dict[str, dict[str, int]]:
        return {
            "octets": self._brain.sent_octets(),
            "libp2p": self._host.stats(),
            **self._linking.counters(),
            "joining": dict(self._joining.counts),
            "refused": dict(self._refused),
            "messages": self._brain.view.trees.messages(),
            "sayings": dict(self.sayings.counts),
            "defects": {
                **self._driver.defects,
                **self._tasks.failures,
                "inputs-dropped": self._driver.dropped,
            },
        }

    def _reach_word(self) -> str:
        verdict = self._reach.verdict
        return "unknown" if verdict is None else verdict.name.lower()

    # -- what joining asks (`joining.Mesh`) --------------------------------------------

    def own_record(self) -> PeerRecord:
        """What this node says about itself."""
        return self._brain.record()

    def known_peers(self) -> Sequence[PeerRecord]:
        """Remembered peers, neighbours first."""
        near = [self._brain.peer(n.transport.node) for n in self._linking.neighbours]
        far = self._brain.view.overlay.members()
        first = {peer.node: peer for peer in near if peer is not None}
        return [*first.values(), *(p for p in far if p.node not in first)]

    def knows(self, node: NodeId) -> bool:
        """Whether it is this node, or one whose record is held."""
        return node == self.node or self._brain.view.peer(node) is not None

    def neighbours(self) -> int:
        """How many links stand."""
        return len(self._linking.neighbours)

    def meet(self, peers: Sequence[PeerRecord]) -> None:
        """Bootstrap told of these."""
        self._driver.tell("meet", self._brain.meet, peers)

    def verify(self, node: NodeId, data: bytes, signature: bytes) -> bool:
        """Whether `node` signed `data`."""
        return verify(node, data, signature)

    def _alone(self, why: str) -> None:
        self._log.emit("Alone", why=why)

    # -- libp2p ------------------------------------------------------------------------

    def _from_host(self, event: object) -> None:
        if isinstance(event, host_events.PeerDisconnected):
            self._joining.lost(event.node)
        self._linking.from_host(event)

    async def _asked(self, source: NodeId, payload: bytes) -> bytes | None:
        """Answer an exchange of `source` over libp2p."""
        try:
            kind = envelope.kind_of(payload)
            if kind is Kind.PEERS:
                return self._joining.answer(payload)
            if kind is Kind.SAID:
                return self.sayings.arrived(source, payload)
            if kind is Kind.DIAL:
                return await self._linking.answer(source, payload)
        except DecodeError as error:
            self._refused[error.reason] += 1
            self._log.emit("ExchangeRefused", cause=error.reason)
        return None

    # -- hearing the brain -------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        if isinstance(event, Refused):
            self._refused[event.reason] += 1
        newswire.write(self._log, event)
        self._linking.happened(event)
        self._streams.happened(event)
        self._naming.happened(event)
