"""An honest node: the real router on one machine, which validates at once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

from meshproto.chance import Chance
from meshproto.config.gossip import GossipConfig
from meshproto.gossip.peers import Version
from meshproto.gossip.router import GossipRouter
from meshproto.gossip.seen import Verdict
from meshproto.ids import NodeId
from meshproto.outputs import Gossip, Outbox
from meshsim.attacks.record import Record
from meshsim.engine import Engine

EPOCH_MS = 1_800_000_000_000
_SEAL_OCTETS = 64

Send = Callable[[int, NodeId, bytes], None]
"""Carries an RPC from the host of a number to a node."""


class Neighbour(Protocol):
    """What a host knows of the other end of a connection."""

    node: NodeId
    address: bytes
    version: Version


def seal(node: NodeId, data: bytes) -> bytes:
    """Stands for a signature: as long, as dependent on the data, a hundredth the cost.

    Anybody could make it; no set-up has forgers.
    """
    return hashlib.blake2b(data, key=node, digest_size=_SEAL_OCTETS).digest()


def sealed(node: NodeId, data: bytes, signature: bytes) -> bool:
    """Whether `seal` made it."""
    return signature == seal(node, data)


class Nobody:
    """Surroundings without peer records: the set-ups have no exchange."""

    def peer_record(self, node: NodeId) -> bytes | None:  # noqa: ARG002
        """None."""
        return None


class HonestHost:
    """The machine of honest node `index`."""

    __slots__ = (
        "_engine",
        "_outbox",
        "_record",
        "_send",
        "address",
        "alarm",
        "index",
        "node",
        "router",
        "version",
    )

    def __init__(
        self,
        index: int,
        node: NodeId,
        config: GossipConfig,
        engine: Engine,
        record: Record,
        send: Send,
    ) -> None:
        self.index = index
        self.node = node
        self.address = b"honest" + index.to_bytes(4, "big")
        self.version = Version.V1_1
        self.alarm = math.inf
        self._engine = engine
        self._record = record
        self._send = send
        self._outbox = Outbox()
        chance: Chance = engine.stream(f"honest/{index}")
        self.router = GossipRouter(
            node,
            EPOCH_MS,
            config,
            self._outbox,
            chance,
            partial(seal, node),
            sealed,
            Nobody(),
        )

    def next_timeout(self) -> float | None:
        """The router's."""
        return self.router.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """A heartbeat."""
        self.router.handle_timeout(now)
        self._drain(now)

    def connected(self, far: Neighbour, outbound: bool) -> None:
        """A connection stands, `outbound` if this node opened it."""
        now = self._engine.now
        self.router.peer_up(far.node, outbound, far.address, far.version, now)
        self._drain(now)

    def join(self, topic: str) -> None:
        """Subscribe."""
        self.router.join(topic, self._engine.now)
        self._drain(self._engine.now)

    def publish(self, topic: str, data: bytes) -> None:
        """Write a message."""
        now = self._engine.now
        message_id = self.router.publish(topic, data, now)
        self._record.published(message_id, self.index, now)
        self._drain(now)

    def hear(self, source: NodeId, rpc: bytes, now: float) -> None:
        """An RPC arrived."""
        self.router.receive(source, rpc, now)
        self._drain(now)

    def _drain(self, now: float) -> None:
        router, poll, send = self.router, self._outbox.poll, self._send
        for delivery in router.take_deliveries():
            self._record.delivered(
                delivery.message_id, delivery.origin, self.index, now
            )
            router.validated(delivery.message_id, Verdict.ACCEPT, now)
        while (output := poll()) is not None:
            if isinstance(output, Gossip):
                send(self.index, output.neighbour, output.rpc)
        self._engine.rearm(self)
