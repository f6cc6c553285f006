"""One gossip router among scripted neighbours, or many routers in virtual time.

Signatures are a keyed hash that anybody could make: the router is handed `sign` and
`verify` anyway, and real Ed25519 has a conformance test of its own.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import count
from typing import Any

from meshproto.config.gossip import GossipConfig, Signing, TopicScore
from meshproto.events import Event, Refused
from meshproto.gossip.authorship import written
from meshproto.gossip.peers import Version
from meshproto.gossip.router import GossipRouter
from meshproto.gossip.seen import Verdict
from meshproto.gossip.state import Delivery
from meshproto.ids import NodeId
from meshproto.outputs import Gossip, Outbox
from meshproto.wire import pubsub
from meshproto.wire.control.peer import PeerRecord, Reach, build_peer
from meshproto.wire.pubsub import Message, PeerInfo, Prune, Rpc

TOPIC = "/meshnode/1/directory"
OTHER = "/meshnode/1/presence"
P3 = TopicScore(
    mesh_message_deliveries_weight=-1.0,
    mesh_message_deliveries_threshold=4.0,
    mesh_message_deliveries_cap=10.0,
    mesh_message_deliveries_window_s=2.0,
    mesh_message_deliveries_activation_s=5.0,
    mesh_failure_penalty_weight=-1.0,
    time_in_mesh_weight=0.0,
)
"""Only what a neighbour delivers in the mesh counts (P3)."""


def node_id(number: int) -> NodeId:
    return NodeId(b"node" + number.to_bytes(8, "big"))


ME = node_id(0)


def seal(node: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, key=node[:64], digest_size=32).digest()


def verify(node: NodeId, data: bytes, signature: bytes) -> bool:
    return signature == seal(node, data)


def message(
    author: NodeId, number: int, data: bytes = b"hello", topic: str = TOPIC
) -> Message:
    """A signed message of `author`."""
    policy = Signing.STRICT_SIGN
    return written(policy, topic, data, author, number, lambda d: seal(author, d))


def id_of(sent: Message) -> bytes:
    return (sent.origin or b"") + (sent.seqno or b"")


def record_of(node: NodeId, signer: NodeId | None = None) -> bytes:
    """A peer record, signed by its node unless by somebody else."""
    bare = PeerRecord(
        node, 1, 1, (), (), Reach.DIRECT, 4, 4, "", "", (0.0, 0.0, 0.0, 0.0)
    )
    signature = seal(signer or node, bare.signed_part())
    signed = PeerRecord(
        **{
            name: getattr(bare, name)
            for name, _ in PeerRecord.CODECS
            if name != "signature"
        },
        signature=signature,
    )
    return build_peer(signed)


def offered(*nodes: NodeId, signer: NodeId | None = None) -> tuple[PeerInfo, ...]:
    return tuple(PeerInfo(node, record_of(node, signer)) for node in nodes)


class Records:
    """Surroundings that know a record of everybody."""

    def peer_record(self, node: NodeId) -> bytes | None:
        return record_of(node)


class Rig:
    """The router under test is `router`; what it said since `take` is in `said`."""

    def __init__(self, seed: int = 1, **options: Any) -> None:
        self.config = GossipConfig(**options)
        self.outbox = Outbox()
        self.now = 1000.0
        self.chance = random.Random(seed)
        self.router = GossipRouter(
            ME,
            1,
            self.config,
            self.outbox,
            self.chance,
            lambda data: seal(ME, data),
            verify,
            Records(),
        )
        self.said: list[tuple[NodeId, Rpc]] = []
        self.sizes: list[int] = []
        self.events: list[Event] = []
        self.delivered: list[Delivery] = []
        self._numbers = count(1)

    # what happens

    def up(
        self,
        *,
        outbound: bool = False,
        topics: Sequence[str] = (TOPIC,),
        address: bytes = b"",
        version: Version = Version.V1_1,
        node: NodeId | None = None,
    ) -> NodeId:
        """A neighbour with a stream, subscribed to `topics`."""
        found = node or node_id(next(self._numbers))
        self.router.peer_up(found, outbound, address, version, self.now)
        if topics:
            self.hear(found, [pubsub.subscription(topic, True) for topic in topics])
        self.drain()
        return found

    def ups(self, number: int, **options: Any) -> list[NodeId]:
        return [self.up(**options) for _ in range(number)]

    def hear(self, node: NodeId, pieces: Iterable[bytes]) -> None:
        """An RPC of `node`, made of pieces."""
        self.router.receive(node, b"".join(pieces), self.now)
        self.drain()

    def control(self, node: NodeId, *pieces: bytes) -> None:
        self.hear(node, [pubsub.control(pieces)])

    def graft(self, node: NodeId, topic: str = TOPIC) -> None:
        self.control(node, pubsub.graft(topic))

    def prune(self, node: NodeId, topic: str = TOPIC, **options: Any) -> None:
        self.control(node, pubsub.prune(Prune(topic, **options)))

    def ihave(self, node: NodeId, *ids: bytes, topic: str = TOPIC) -> None:
        self.control(node, pubsub.ihave(topic, ids))

    def iwant(self, node: NodeId, *ids: bytes) -> None:
        self.control(node, pubsub.iwant(ids))

    def bring(self, node: NodeId, *messages: Message) -> None:
        self.hear(node, [pubsub.publication(one) for one in messages])

    def judge(self, verdict: Verdict = Verdict.ACCEPT) -> list[Delivery]:
        """Answer all deliveries; which they were."""
        taken, self.delivered = self.delivered, []
        for delivery in taken:
            self.router.validated(delivery.message_id, verdict, self.now)
        self.drain()
        return taken

    def join(self, topic: str = TOPIC) -> None:
        self.router.join(topic, self.now)
        self.drain()

    def leave(self, topic: str = TOPIC) -> None:
        self.router.leave(topic, self.now)
        self.drain()

    def publish(self, data: bytes = b"hello", topic: str = TOPIC) -> bytes:
        message_id = self.router.publish(topic, data, self.now)
        self.drain()
        return message_id

    def pass_time(self, seconds: float) -> None:
        """Heartbeats until `seconds` from now."""
        end = self.now + seconds
        while (at := self.router.next_timeout()) is not None and at <= end:
            self.now = max(self.now, at)
            self.router.handle_timeout(self.now)
            self.drain()
        self.now = end

    def beat(self) -> None:
        """Exactly one heartbeat, whether the router would have slept or not."""
        beat = self.router._state.beat
        self.router._wake(self.now)
        self.now = beat.at(beat.number(self.now) + 1)
        self.router.handle_timeout(self.now)
        self.drain()

    # what came of it

    def drain(self) -> None:
        self.delivered += self.router.take_deliveries()
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Gossip):
                self.said.append((output.neighbour, pubsub.decode(output.rpc)))
                self.sizes.append(len(output.rpc))
            else:
                assert isinstance(output, Event)
                self.events.append(output)

    def forget(self) -> None:
        """What was said so far is of no interest."""
        self.said.clear()
        self.sizes.clear()
        self.events.clear()

    def mesh(self, topic: str = TOPIC) -> list[NodeId]:
        return self.router.mesh(topic)

    def grafts(self, topic: str = TOPIC) -> list[NodeId]:
        return [
            node
            for node, rpc in self.said
            if rpc.control and topic in rpc.control.graft
        ]

    def prunes(self, topic: str = TOPIC) -> list[tuple[NodeId, Prune]]:
        return [
            (node, told)
            for node, rpc in self.said
            if rpc.control
            for told in rpc.control.prune
            if told.topic == topic
        ]

    def got(self, message_id: bytes) -> list[NodeId]:
        """Who was sent a message, as often as it was sent."""
        return [
            node
            for node, rpc in self.said
            for sent in rpc.publish
            if id_of(sent) == message_id
        ]

    def announced(self) -> list[tuple[NodeId, tuple[bytes, ...]]]:
        return [
            (node, told.message_ids)
            for node, rpc in self.said
            if rpc.control
            for told in rpc.control.ihave
        ]

    def asked(self) -> list[tuple[NodeId, tuple[bytes, ...]]]:
        return [
            (node, ids)
            for node, rpc in self.said
            if rpc.control
            for ids in rpc.control.iwant
        ]

    def unwanted(self) -> list[tuple[NodeId, tuple[bytes, ...]]]:
        return [
            (node, ids)
            for node, rpc in self.said
            if rpc.control
            for ids in rpc.control.idontwant
        ]

    def refusals(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, Refused)]

    def score(self, node: NodeId) -> float:
        return self.router.score(node, self.now)

    def penalty(self, node: NodeId) -> float:
        self.router.scores.advance(self.now)
        return self.router.scores.penalty(node)


def meshed(
    number: int, *, outbound: int = 2, **options: Any
) -> tuple[Rig, list[NodeId]]:
    """A joined router and neighbours that grafted themselves."""
    rig = Rig(**options)
    rig.join()
    nodes = [rig.up(outbound=index < outbound) for index in range(number)]
    for node in nodes:
        rig.graft(node)
    rig.forget()
    assert rig.mesh() == nodes
    return rig, nodes


def disgrace(rig: Rig, node: NodeId, score: float) -> None:
    """Give a neighbour a score by the owner's own judgement (P5)."""
    rig.router.scores.set_app(node, score)


class Web:
    """Real routers, joined by streams with a fixed delay, in virtual time."""

    DELAY_S = 0.03

    def __init__(self, size: int, degree: int, seed: int = 1, **options: Any) -> None:
        self.now = 0.0
        self.boxes = [Outbox() for _ in range(size)]
        self.routers = [
            GossipRouter(
                node_id(index),
                1,
                GossipConfig(**options),
                self.boxes[index],
                random.Random(seed * 1000 + index),
                partial(seal, node_id(index)),
                verify,
                Records(),
            )
            for index in range(size)
        ]
        self.index = {node_id(index): index for index in range(size)}
        self.flying: list[tuple[float, int, NodeId, int, bytes]] = []
        self.timers: list[tuple[float, int]] = []
        self.count = count()
        self.rpcs = 0
        self.beats = 0
        self.got: list[list[bytes]] = [[] for _ in range(size)]
        chance = random.Random(seed)
        self.edges: dict[tuple[int, int], None] = {}
        for a in range(size):
            for b in chance.sample(range(size), min(size, degree // 2)):
                if a != b and (b, a) not in self.edges:
                    self.link(a, b)

    def link(self, a: int, b: int) -> None:
        self.edges[a, b] = None
        self.routers[a].peer_up(node_id(b), True, b"", Version.V1_1, self.now)
        self.routers[b].peer_up(node_id(a), False, b"", Version.V1_1, self.now)
        self.drain(a)
        self.drain(b)

    def cut(self, a: int, b: int) -> None:
        self.routers[a].peer_down(node_id(b), self.now)
        self.routers[b].peer_down(node_id(a), self.now)
        self.edges.pop((a, b), None)
        self.drain(a)
        self.drain(b)

    def linked(self, a: int, b: int) -> bool:
        return (a, b) in self.edges or (b, a) in self.edges

    def join(self, *indices: int) -> None:
        for index in indices or range(len(self.routers)):
            self.routers[index].join(TOPIC, self.now)
            self.drain(index)

    def publish(self, index: int, data: bytes) -> None:
        self.routers[index].publish(TOPIC, data, self.now)
        self.drain(index)

    def drain(self, index: int) -> None:
        router, box = self.routers[index], self.boxes[index]
        for delivery in router.take_deliveries():
            self.got[index].append(delivery.data)
            router.validated(delivery.message_id, Verdict.ACCEPT, self.now)
        while (output := box.poll()) is not None:
            if isinstance(output, Gossip):
                self.rpcs += 1
                to = self.index[output.neighbour]
                entry = (self.now + self.DELAY_S, next(self.count))
                heapq.heappush(self.flying, (*entry, node_id(index), to, output.rpc))
        if (at := router.next_timeout()) is not None:
            heapq.heappush(self.timers, (at, index))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            arrival = self.flying[0][0] if self.flying else end + 1
            timer = self.timers[0][0] if self.timers else end + 1
            if min(arrival, timer) > end:
                break
            if arrival <= timer:
                self.now, _, source, to, rpc = heapq.heappop(self.flying)
                if self.linked(self.index[source], to):
                    self.routers[to].receive(source, rpc, self.now)
                    self.drain(to)
                continue
            at, index = heapq.heappop(self.timers)
            if self.routers[index].next_timeout() == at:
                self.now = at
                self.beats += 1
                self.routers[index].handle_timeout(at)
                self.drain(index)
        self.now = end
