"""A sybil: takes a place in every mesh it can, and passes on what it likes.

It keeps no scores, has no heartbeat and says nothing but subscriptions, GRAFT and the
messages it does not drop: cheap to run by the thousand, here as for its owner.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from meshproto.gossip.peers import Version
from meshproto.ids import NodeId
from meshproto.wire import pubsub
from meshproto.wire.pubsub import Control, Message, Rpc
from meshsim.attacks.honest import Neighbour, Send
from meshsim.attacks.setups import Setup
from meshsim.engine import Engine

Read = Callable[[bytes], Rpc]


class Sybil:
    """The identity `node` of the owner of `address`; `censored` is whom it silences.

    It does harm from `attacks_from` on (virtual seconds).
    """

    __slots__ = (
        "_chance",
        "_engine",
        "_mesh",
        "_read",
        "_seen",
        "_send",
        "_setup",
        "address",
        "attacks_from",
        "censored",
        "index",
        "node",
        "version",
    )

    def __init__(
        self,
        index: int,
        node: NodeId,
        address: bytes,
        setup: Setup,
        engine: Engine,
        send: Send,
        read: Read,
    ) -> None:
        self.index = index
        self.node = node
        self.address = address
        self.version = Version.V1_0
        self.attacks_from = 0.0
        self.censored: NodeId | None = None
        self._setup = setup
        self._engine = engine
        self._send = send
        self._read = read
        self._chance: Random = engine.stream("sybils")
        self._mesh: dict[NodeId, None] = {}
        self._seen: dict[bytes, float] = {}

    @property
    def meshes(self) -> int:
        """How many nodes it believes to have it in their mesh."""
        return len(self._mesh)

    def connected(self, far: Neighbour, outbound: bool) -> None:
        """A connection stands; it waits for the other side's subscriptions."""

    def hear(self, source: NodeId, rpc: bytes, now: float) -> None:
        """An RPC arrived."""
        told = self._read(rpc)
        joined = [one.topic for one in told.subscriptions if one.subscribe]
        if joined:
            self._settle(source, joined)
        if told.control is not None:
            self._control(source, told.control)
        for message in told.publish:
            self._message(source, message, now)

    def _settle(self, source: NodeId, topics: list[str]) -> None:
        """Pretend to share all topics, and take a place in each mesh."""
        parts = [pubsub.subscription(topic, True) for topic in topics]
        parts.append(pubsub.control(pubsub.graft(topic) for topic in topics))
        self._send(self.index, source, b"".join(parts))
        self._mesh[source] = None

    def _control(self, source: NodeId, told: Control) -> None:
        setup = self._setup
        for prune in told.prune:
            self._mesh.pop(source, None)
            wait_s = setup.regraft_delay_s * self._chance.random()
            self._engine.after(
                setup.regraft_backoff_s + wait_s, self._regraft, source, prune.topic
            )
        if told.graft:
            self._mesh[source] = None

    def _regraft(self, target: NodeId, topic: str) -> None:
        self._send(self.index, target, pubsub.control((pubsub.graft(topic),)))
        self._mesh[target] = None

    def _message(self, source: NodeId, message: Message, now: float) -> None:
        number = (message.origin or b"") + (message.seqno or b"")
        if self._known(number, now) or self._drops(message, now):
            return
        piece = pubsub.publication(message)
        for node in self._mesh:
            if node not in (source, message.origin):
                self._send(self.index, node, piece)

    def _known(self, number: bytes, now: float) -> bool:
        """Whether a message was seen; it is from now on."""
        seen = self._seen
        if number in seen:
            return True
        while seen and now - seen[oldest := next(iter(seen))] > self._setup.seen_s:
            del seen[oldest]
        seen[number] = now
        return False

    def _drops(self, message: Message, now: float) -> bool:
        if now < self.attacks_from:
            return False
        if message.origin == self.censored:
            return True
        share = self._setup.drop_share
        return share >= 1.0 or (share > 0.0 and self._chance.random() < share)
