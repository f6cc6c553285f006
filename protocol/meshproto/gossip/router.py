"""The GossipSub 1.1 router as a pure machine (RFC 0008).

Verbs come from the owner; RPCs leave as `Gossip` outputs; new messages are taken by
`take_deliveries` right after `receive` and answered by `validated`, at once or later.
Nodes that neighbours offered, and direct peers that are missing, are taken by
`take_wanted`.

The router never waits for a stream: the owner says `stalled` when a neighbour's stream
takes no more and `resumed` when it does; in between a bounded queue grows here.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshproto.chance import Chance
from meshproto.config.gossip import GossipConfig, check
from meshproto.errors import DecodeError, StateError
from meshproto.gossip import control, heartbeat, mesh, messages
from meshproto.gossip.authorship import Sign, Verify
from meshproto.gossip.peers import Peer, Version
from meshproto.gossip.scoring import Scores
from meshproto.gossip.seen import Verdict
from meshproto.gossip.state import Delivery, State, Surroundings, Wanted
from meshproto.ids import NodeId
from meshproto.outputs import Outbox
from meshproto.wire import pubsub

_SEQNO_PER_MS = 1_000_000


class GossipRouter:
    """One node's part of all topics.  `epoch` is in ms since 1970 and higher after each
    start: sequence numbers of messages begin there.
    """

    __slots__ = ("_next", "_number", "_started", "_state")

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: GossipConfig,
        outbox: Outbox,
        chance: Chance,
        sign: Sign,
        verify: Verify,
        surroundings: Surroundings,
    ) -> None:
        check(config)
        self._state = State(me, config, outbox, chance, sign, verify, surroundings)
        self._number = epoch * _SEQNO_PER_MS
        self._next: float | None = None
        self._started = False

    @property
    def scores(self) -> Scores:
        """What we think of the neighbours; `scores.set_app` is the owner's part."""
        return self._state.scores

    # neighbours

    def peer_up(
        self, node: NodeId, outbound: bool, address: bytes, version: Version, now: float
    ) -> bool:
        """A gossip stream to `node` is open, `outbound` if we dialled; whether there
        was room.  `address` is what many identities of one host share: the octets of
        its IP address or prefix, empty if unknown.
        """
        state = self._state
        if node in state.peers or node == state.me:
            raise StateError("gossip: this neighbour is up already, or is us")
        self._pass(now)
        direct = node in state.direct
        if len(state.peers) >= state.config.peers_max and not direct:
            state.refused.clear()
            state.overflow("peers_max", state.config.peers_max)
            return False
        peer = Peer(node, outbound=outbound, version=version, direct=direct)
        state.peers[node] = peer
        state.scores.peer_up(node, (address,), now)
        for topic in state.topics.ours():
            state.outgoing.announce(peer, topic.name, True)
        state.outgoing.flush()
        return True

    def opened(self, node: NodeId, version: Version) -> None:
        """The stream to `node` speaks `version` from now on; unknown nodes are fine."""
        peer = self._state.peers.get(node)
        if peer is not None:
            peer.version = version

    def peer_down(self, node: NodeId, now: float) -> None:
        """The stream is closed; unknown nodes are fine."""
        state = self._state
        peer = state.peers.pop(node, None)
        if peer is None:
            return
        self._pass(now)
        for name in list(peer.topics):
            topic = state.topics.unsubscribe(peer, name)
            if topic is not None:
                mesh.forget(state, topic, node)
        state.scores.peer_down(node, now)
        state.outgoing.drop(node)
        self._wake(now)

    def stalled(self, node: NodeId) -> None:
        """The stream to `node` takes nothing more for now."""
        if node in self._state.peers:
            self._state.outgoing.stall(node)

    def resumed(self, node: NodeId) -> None:
        """The stream takes again: what waited goes out."""
        self._state.outgoing.resume(node)
        self._state.outgoing.flush()

    def set_direct(self, nodes: Iterable[NodeId], now: float) -> None:
        """Agree with the operators of `nodes`, who must do the same: they always get
        our messages, are never in a mesh, and their score does not matter.
        """
        state = self._state
        self._pass(now)
        state.direct = dict.fromkeys(nodes)
        for node, peer in state.peers.items():
            peer.direct = node in state.direct
            for topic in state.topics.ours() if peer.direct else ():
                if node in mesh.mesh_of(topic):
                    mesh.prune(state, topic, peer, now, offer=False)
        for node in state.direct:
            if node not in state.peers:
                state.want(Wanted(node, b""))
        state.outgoing.flush()
        self._wake(now)

    # topics and messages

    def join(self, topic: str, now: float) -> None:
        """Subscribe, and graft neighbours at once."""
        state = self._state
        self._topic(topic)
        if state.topics.joined(topic) is not None:
            raise StateError(f"gossip: {topic} is joined already")
        self._pass(now)
        joined = state.topics.join(topic)
        for peer in state.peers.values():
            state.outgoing.announce(peer, topic, True)
        allowed = mesh.candidates(state, joined, now)
        fanout = joined.fanout or {}
        first = [peer for peer in allowed if peer.node in fanout]
        chosen = mesh.pick(state, first, state.config.degree)
        others = [peer for peer in allowed if peer.node not in fanout]
        chosen = chosen + mesh.pick(state, others, state.config.degree - len(chosen))
        state.topics.end_fanout(joined)
        for peer in chosen:
            mesh.graft(state, joined, peer, now)
        state.outgoing.flush()
        self._wake(now)

    def leave(self, topic: str, now: float) -> None:
        """Unsubscribe; mesh members are told not to come back for a short while."""
        state = self._state
        left = state.topics.joined(topic)
        if left is None:
            raise StateError(f"gossip: {topic} is not joined")
        self._pass(now)
        seconds = state.config.unsubscribe_backoff_s
        for node, peer in list(mesh.mesh_of(left).items()):
            mesh.dismiss(state, left, node)
            state.backoffs.add(node, topic, seconds, now)
            mesh.refuse(state, left, peer, seconds, offer=False)
        state.topics.leave(left)
        for peer in state.peers.values():
            state.outgoing.announce(peer, topic, False)
        state.outgoing.flush()

    def publish(self, topic: str, data: bytes, now: float) -> bytes:
        """Send a message into a topic, joined or not; its id."""
        state = self._state
        self._topic(topic)
        if len(data) > state.config.data_octets_max:
            raise StateError(f"gossip: at most {state.config.data_octets_max} octets")
        self._pass(now)
        self._number += 1
        message_id = messages.publish(state, topic, data, self._number, now)
        state.outgoing.flush()
        self._wake(now)
        return message_id

    def receive(self, node: NodeId, rpc: bytes, now: float) -> None:
        """One RPC of a neighbour, without its length prefix."""
        state = self._state
        state.refused.clear()
        peer = state.peers.get(node)
        if peer is None:
            state.refuse(node, "gossip-stranger")
            return
        self._pass(now)
        limits = state.config.thresholds
        if not peer.direct and state.scores.below(node, limits.graylist):
            state.refuse(node, "gossip-graylist")
            return
        try:
            read = pubsub.decode(rpc)
        except DecodeError as error:
            state.scores.penalise(node)
            state.refuse(node, error.reason)
            return
        if read.subscriptions:
            control.subscribe(state, peer, read.subscriptions)
        for message in read.publish:
            messages.receive(state, peer, message, now)
        if read.control is not None:
            control.handle(state, peer, read.control, now)
        state.outgoing.flush()
        if read.subscriptions or read.control is not None:
            self._wake(now)

    def take_deliveries(self) -> list[Delivery]:
        """Take the messages that await `validated`, oldest first."""
        taken, self._state.deliveries = self._state.deliveries, []
        return taken

    def validated(self, message_id: bytes, verdict: Verdict, now: float) -> bool:
        """The owner's verdict on a delivery: accepted ones are passed on, rejected ones
        blame their senders.  False when it comes too late or for the second time.
        """
        state = self._state
        self._pass(now)
        known = messages.judge(state, message_id, verdict, now)
        state.outgoing.flush()
        if known and verdict is not Verdict.IGNORE:
            self._wake(now)
        return known

    def take_wanted(self) -> list[Wanted]:
        """Take the nodes that gossip would like to be connected to."""
        taken, self._state.wanted = self._state.wanted, []
        return taken

    # time

    def next_timeout(self) -> float | None:
        """When the next heartbeat with something to do is."""
        return self._next

    def handle_timeout(self, now: float) -> None:
        """Do the heartbeat that is due, if one is."""
        if self._next is None or now < self._next:
            return
        self._pass(now)
        state = self._state
        number = state.beat.number(now)
        heartbeat.beat(state, number, now)
        state.outgoing.flush()
        self._next = None
        if heartbeat.restless(state):
            self._next = state.beat.at(number + 1)
        else:
            self._next = self._far(number)

    def _far(self, number: int) -> float | None:
        """The next heartbeat that is needed though all is quiet."""
        state, ticks = self._state, []
        if state.topics.ours():
            ticks.append(state.config.opportunistic_graft_ticks)
        if any(node not in state.peers for node in state.direct):
            ticks.append(state.config.direct_connect_ticks)
        if not ticks:
            return None
        return state.beat.at(min((number // every + 1) * every for every in ticks))

    def _pass(self, now: float) -> None:
        if not self._started:
            self._started = True
            # why by lot: nodes that start together must not beat together
            share = self._state.chance.random()
            self._state.beat.origin = now - share * self._state.beat.interval_s
        self._state.scores.advance(now)

    def _wake(self, now: float) -> None:
        beat = self._state.beat
        at = beat.at(beat.number(now) + 1)
        if self._next is None or self._next > at:
            self._next = at

    @staticmethod
    def _topic(name: str) -> None:
        if not 0 < len(name.encode()) <= pubsub.TOPIC_OCTETS_MAX:
            raise StateError("gossip: a topic has 1 to 512 octets")

    # what people look at

    def score(self, node: NodeId, now: float) -> float:
        """What we think of a neighbour, 0 of a stranger (RFC 0008 section 6)."""
        self._state.scores.advance(now)
        return self._state.scores.of(node)

    def mesh(self, topic: str) -> list[NodeId]:
        """Our mesh of a topic, empty when it is not joined."""
        found = self._state.topics.joined(topic)
        return [] if found is None else list(mesh.mesh_of(found))

    def subscribers(self, topic: str) -> list[NodeId]:
        """The neighbours that joined a topic."""
        found = self._state.topics.get(topic)
        return [] if found is None else list(found.subscribers)
