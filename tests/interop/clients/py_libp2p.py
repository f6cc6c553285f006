"""py-libp2p's own host and pubsub, told what to do by JSON lines as gossip.mjs is.

Settings are those that make it usable: version 1.1, a heartbeat of a second, no
adaptive gossip, no spam limit, sequence numbers from the clock.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import multiaddr
import trio
from libp2p import new_host
from libp2p.host.ping import PingService
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service


def tell(**event: Any) -> None:
    print(json.dumps(event), flush=True)


class Peer:
    """One host with one router."""

    def __init__(self, options: dict[str, int], nursery: trio.Nursery) -> None:
        degree = options.get("D", 6)
        low, high = options.get("Dlo", 4), options.get("Dhi", 10)
        self.host = new_host()
        self.router = GossipSub(
            [PROTOCOL_ID_V11],
            degree,
            low,
            high,
            heartbeat_interval=1,
            heartbeat_initial_delay=0.1,
            adaptive_gossip_enabled=False,
            spam_protection_enabled=False,
            eclipse_protection_enabled=False,
        )
        self.pubsub: Any = Pubsub(self.host, self.router, strict_signing=True)
        self.pubsub.counter = time.time_ns()
        self._nursery = nursery

    async def dial(self, address: str) -> None:
        await self.host.connect(info_from_p2p_addr(multiaddr.Multiaddr(address)))

    async def subscribe(self, topic: str) -> None:
        subscription = await self.pubsub.subscribe(topic)

        async def listen() -> None:
            while True:
                message = await subscription.get()
                if message.from_id == self.host.get_id().to_bytes():
                    continue  # it hears itself
                tell(
                    event="message",
                    topic=message.topicIDs[0],
                    data=message.data.decode(),
                    **{"from": ID(message.from_id).to_base58(), "type": "signed"},
                )

        self._nursery.start_soon(listen)

    async def publish(self, topic: str, data: str) -> None:
        await self.pubsub.publish(topic, data.encode())

    async def ping(self, address: str) -> dict[str, Any]:
        peer = info_from_p2p_addr(multiaddr.Multiaddr(address)).peer_id
        return {"rtt": (await PingService(self.host).ping(peer))[0]}

    async def state(self, topic: str) -> dict[str, Any]:
        subscribers = self.pubsub.peer_topics.get(topic, ())
        return {
            "mesh": [peer.to_base58() for peer in self.router.mesh.get(topic, ())],
            "subscribers": [peer.to_base58() for peer in subscribers],
            "peers": [peer.to_base58() for peer in self.host.get_connected_peers()],
        }


async def lines(peer: Peer) -> None:
    stdin = trio.wrap_file(sys.stdin)
    while line := await stdin.readline():
        command = json.loads(line)
        number, verb = command.pop("id"), command.pop("verb")
        try:
            answer = await getattr(peer, verb)(**command)
            tell(event="answer", id=number, **(answer or {}))
        except Exception as error:
            tell(event="answer", id=number, error=repr(error))


async def main() -> None:
    async with trio.open_nursery() as nursery:
        peer = Peer(json.loads(sys.argv[1]), nursery)
        anywhere = [multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")]
        async with (
            background_trio_service(peer.pubsub),
            background_trio_service(peer.router),
            peer.host.run(anywhere),
        ):
            await peer.pubsub.wait_until_ready()
            addresses = [str(address) for address in peer.host.get_addrs()]
            name = peer.host.get_id().to_base58()
            tell(event="ready", node=name, addresses=addresses)
            await lines(peer)
            nursery.cancel_scope.cancel()


trio.run(main)
