"""Our gossip router over a real libp2p host, in real time: a driver in miniature."""

from __future__ import annotations

import asyncio
import random
from ipaddress import ip_address

from meshnode.control.identity import KeyPair, verify
from meshnode.control.libp2p.host import Libp2pHost
from meshnode.control.libp2p.multiaddress import parse_multiaddress
from meshnode.control.libp2p.values import (
    GossipOpened,
    GossipPaused,
    GossipReceived,
    GossipResumed,
    HostEvent,
    PeerConnected,
    PeerDisconnected,
)
from meshproto.config.gossip import GossipConfig
from meshproto.events import Event
from meshproto.gossip.router import GossipRouter
from meshproto.gossip.seen import Verdict
from meshproto.gossip.state import Delivery
from meshproto.ids import NodeId
from meshproto.outputs import Gossip, Outbox


class Nobody:
    """Surroundings without peer records."""

    def peer_record(self, node: NodeId) -> bytes | None:
        return None


class Pump:
    """Feeds the router what the host tells, and the host what the router says."""

    def __init__(self, host: Libp2pHost, keys: KeyPair, config: GossipConfig) -> None:
        self.host = host
        self.outbox = Outbox()
        self.router = GossipRouter(
            keys.node,
            random.getrandbits(40),
            config,
            self.outbox,
            random.Random(1),
            keys.sign,
            verify,
            Nobody(),
        )
        self.heard: list[Delivery] = []
        self.events: list[Event] = []
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._peers: dict[NodeId, PeerConnected] = {}
        host.on_event(self._told)

    @property
    def now(self) -> float:
        return self._loop.time()

    def join(self, topic: str) -> None:
        self.router.join(topic, self.now)
        self._drain()

    def publish(self, topic: str, data: bytes) -> None:
        self.router.publish(topic, data, self.now)
        self._drain()

    def texts(self) -> list[str]:
        return [delivery.data.decode() for delivery in self.heard]

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _told(self, event: HostEvent) -> None:
        match event:
            case PeerConnected():
                self._peers[event.node] = event
                self.host.open_gossip(event.node)
            case GossipOpened():
                self._up(event)
            case PeerDisconnected():
                self._peers.pop(event.node, None)
                self.router.peer_down(event.node, self.now)
            case GossipReceived():
                self.router.receive(event.node, event.rpc, self.now)
            case GossipPaused():
                self.router.stalled(event.node)
            case GossipResumed():
                self.router.resumed(event.node)
            case _:
                return
        self._drain()

    def _up(self, event: GossipOpened) -> None:
        peer = self._peers[event.node]
        address = ip_address(parse_multiaddress(peer.address).host).packed
        self.router.peer_up(event.node, peer.outbound, address, event.version, self.now)

    def _drain(self) -> None:
        for delivery in self.router.take_deliveries():
            self.heard.append(delivery)
            self.router.validated(delivery.message_id, Verdict.ACCEPT, self.now)
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Gossip):
                self.host.send_gossip(output.neighbour, output.rpc)
            elif isinstance(output, Event):
                self.events.append(output)
        self.stop()
        due = self.router.next_timeout()
        if due is not None:
            self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self.router.handle_timeout(self.now)
        self._drain()
