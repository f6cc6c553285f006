"""What goes to whom: pieces of RPCs, joined per neighbour at the end of each verb.

A message for many neighbours is one piece that all of them share.  A neighbour whose
stream is stalled keeps a queue: messages and gossip up to a bound, beyond which they
are dropped and counted; subscriptions, GRAFT and PRUNE are never dropped, but of each
topic only the latest is kept, so they are bounded by the topics.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshproto.gossip.events import Dropped
from meshproto.gossip.peers import Peer
from meshproto.ids import NodeId
from meshproto.outputs import Gossip, Outbox
from meshproto.wire import pubsub

_HEADER_OCTETS = 8


class Queue:
    """Pieces that wait for one neighbour."""

    __slots__ = ("dropped", "edges", "gossip", "messages", "subscriptions")

    def __init__(self) -> None:
        self.subscriptions: dict[str, bytes] = {}
        self.messages: list[bytes] = []
        self.edges: dict[str, bytes] = {}
        self.gossip: list[bytes] = []
        self.dropped = 0

    def rpcs(self, limit: int) -> list[bytes]:
        """The fewest RPCs in order, each of at most `limit` octets."""
        made: list[bytes] = []
        parts: list[bytes] = []
        size = 0
        for piece in (*self.subscriptions.values(), *self.messages):
            if parts and size + len(piece) > limit:
                made.append(b"".join(parts))
                parts, size = [], 0
            parts.append(piece)
            size += len(piece)
        for piece in self._controls(limit):
            if parts and size + len(piece) > limit:
                made.append(b"".join(parts))
                parts, size = [], 0
            parts.append(piece)
            size += len(piece)
        if parts:
            made.append(b"".join(parts))
        return made

    def _controls(self, limit: int) -> list[bytes]:
        made: list[bytes] = []
        parts: list[bytes] = []
        size = _HEADER_OCTETS
        for piece in (*self.edges.values(), *self.gossip):
            if parts and size + len(piece) > limit:
                made.append(pubsub.control(parts))
                parts, size = [], _HEADER_OCTETS
            parts.append(piece)
            size += len(piece)
        if parts:
            made.append(pubsub.control(parts))
        return made


class Outgoing:
    """The queues of all neighbours; most are empty most of the time and not there."""

    __slots__ = ("_limit", "_maximum", "_outbox", "_queues", "_stalled")

    def __init__(self, outbox: Outbox, limit: int, maximum: int) -> None:
        self._outbox = outbox
        self._limit = limit
        self._maximum = maximum
        self._queues: dict[NodeId, Queue] = {}
        self._stalled: dict[NodeId, None] = {}

    def __len__(self) -> int:
        """Neighbours for whom something waits."""
        return len(self._queues)

    def _queue(self, node: NodeId) -> Queue:
        queue = self._queues.get(node)
        if queue is None:
            queue = self._queues[node] = Queue()
        return queue

    def _room(self, node: NodeId) -> Queue | None:
        queue = self._queue(node)
        waiting = len(queue.messages) + len(queue.gossip)
        if node in self._stalled and waiting >= self._maximum:
            queue.dropped += 1
            return None
        return queue

    def announce(self, peer: Peer, topic: str, subscribe: bool) -> None:
        """Tell that we joined or left."""
        piece = pubsub.subscription(topic, subscribe)
        self._queue(peer.node).subscriptions[topic] = piece

    def edge(self, peer: Peer, topic: str, piece: bytes) -> None:
        """Send a GRAFT or PRUNE."""
        self._queue(peer.node).edges[topic] = piece

    def gossip(self, peer: Peer, piece: bytes) -> None:
        """Send an IHAVE, IWANT or IDONTWANT."""
        if queue := self._room(peer.node):
            queue.gossip.append(piece)

    def answer(self, peer: Peer, piece: bytes) -> None:
        """Send a message together with others of this verb."""
        if queue := self._room(peer.node):
            queue.messages.append(piece)

    def publish(self, peers: Iterable[Peer], piece: bytes) -> None:
        """Send one message to many."""
        for peer in peers:
            node = peer.node
            if node in self._queues or node in self._stalled:
                self.answer(peer, piece)
            else:
                self._outbox.put(Gossip(node, piece))

    def flush(self) -> None:
        """Hand out what waits for neighbours that are not stalled."""
        if not self._queues:
            return
        for node, queue in list(self._queues.items()):
            if queue.dropped:
                self._outbox.put(Dropped(node, queue.dropped))
                queue.dropped = 0
            if node in self._stalled:
                continue
            del self._queues[node]
            for rpc in queue.rpcs(self._limit):
                self._outbox.put(Gossip(node, rpc))

    def stall(self, node: NodeId) -> None:
        """The stream to `node` takes nothing for now."""
        self._stalled[node] = None

    def resume(self, node: NodeId) -> None:
        """The stream takes again."""
        self._stalled.pop(node, None)

    def drop(self, node: NodeId) -> None:
        """The neighbour is gone, and with it what waited."""
        self._stalled.pop(node, None)
        self._queues.pop(node, None)
