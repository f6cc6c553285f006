"""Routers over hosts: a small mesh on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from meshnode.control.identity import KeyPair
from meshproto.config.gossip import GossipConfig
from support.libp2p import Watched, eventually, hosts
from support.pump import Pump

TOPIC = "/meshnode/1/directory"


@asynccontextmanager
async def mesh(number: int) -> AsyncIterator[list[tuple[Watched, Pump]]]:
    """Routers, all in one topic, each connected with the next and one across."""
    config = GossipConfig(
        degree=3, degree_low=2, degree_score=2, degree_outbound=1, degree_high=4
    )
    keys = [KeyPair.generate() for _ in range(number)]
    async with hosts(number, keys=keys) as watched:
        pumps = [
            Pump(one.host, key, config) for one, key in zip(watched, keys, strict=True)
        ]
        try:
            for pump in pumps:
                pump.join(TOPIC)
            for index, one in enumerate(watched):
                for step in (1, 3):
                    other = watched[(index + step) % number]
                    await one.host.connect(other.host.addresses, other.node, 30)
            await eventually(
                lambda: all(len(pump.router.mesh(TOPIC)) >= 2 for pump in pumps),
                "everybody is in a mesh",
            )
            yield list(zip(watched, pumps, strict=True))
        finally:
            for pump in pumps:
                pump.stop()


async def test_eight_routers_hear_everything_also_when_two_have_gone() -> None:
    async with mesh(8) as nodes:
        pumps = [pump for _, pump in nodes]
        for number, pump in enumerate(pumps):
            pump.publish(TOPIC, b"%d" % number)
        await eventually(
            lambda: all(len(pump.heard) == 7 for pump in pumps), "all heard all"
        )
        assert [sorted(pump.texts()) for pump in pumps] == [
            [str(other) for other in range(8) if other != number] for number in range(8)
        ]
        for host, pump in (nodes[0], nodes[3]):
            pump.stop()
            await host.host.close()
        living = [pump for index, pump in enumerate(pumps) if index not in {0, 3}]
        for number, pump in enumerate(living):
            pump.publish(TOPIC, b"after %d" % number)
        await eventually(
            lambda: all(len(pump.heard) == 12 for pump in living), "the living heard"
        )
        assert all(len(set(pump.texts())) == 12 for pump in living)


async def test_a_burst_of_two_hundred_messages_arrives_whole() -> None:
    # py-libp2p's own queue of 32 drops all beyond it without a word
    async with mesh(4) as nodes:
        _, speaker = nodes[0]
        for number in range(200):
            speaker.publish(TOPIC, b"%d" % number)
        others = [pump for _, pump in nodes[1:]]
        await eventually(
            lambda: all(len(pump.heard) == 200 for pump in others), "all of it"
        )
        assert all(sorted(map(int, p.texts())) == list(range(200)) for p in others)
