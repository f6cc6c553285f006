"""Gossip finds its connection, or waits a little for one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from meshnode.control.gossiping import RETRY_S, WAITING_MAX, Gossiping
from meshnode.control.libp2p.values import DialError
from meshnode.control.tasks import Tasks
from meshproto.ids import NodeId
from support.control_world import until

NODE = NodeId(b"neighbour")


class Host:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.dials = 0
        self.full = False
        self.reachable = asyncio.Event()
        self.refuses = False

    async def connect(
        self, addresses: Sequence[str], node: NodeId | None, timeout_s: float
    ) -> NodeId:
        self.dials += 1
        if self.refuses:
            raise DialError("unreachable")
        await self.reachable.wait()
        assert node is not None
        return node

    def send_gossip(self, node: NodeId, rpc: bytes) -> bool:
        if not self.full:
            self.sent.append(rpc)
        return not self.full


class Rig:
    def __init__(self) -> None:
        self.host = Host()
        self.now = 0.0
        self.gossip = Gossiping(
            self.host,  # type: ignore[arg-type]
            Tasks(),
            lambda node: ["/ip4/192.0.2.1/tcp/5000"],
            lambda: self.now,
        )


@pytest.fixture
async def rig() -> Rig:
    return Rig()


async def test_what_is_said_before_there_is_a_connection_is_said_after(
    rig: Rig,
) -> None:
    for rpc in (b"one", b"two"):
        rig.gossip.send(NODE, rpc)
    await asyncio.sleep(0)
    assert rig.host.dials == 1
    rig.host.reachable.set()
    await until(lambda: rig.host.sent == [b"one", b"two"], "both are said")
    rig.gossip.send(NODE, b"three")
    assert rig.host.sent[-1] == b"three"


async def test_a_connection_of_the_other_end_is_as_good(rig: Rig) -> None:
    rig.gossip.send(NODE, b"one")
    rig.gossip.connected(NODE)
    assert rig.host.sent == [b"one"]


async def test_only_the_newest_of_too_many_wait(rig: Rig) -> None:
    for number in range(WAITING_MAX + 3):
        rig.gossip.send(NODE, b"%d" % number)
    rig.gossip.connected(NODE)
    assert rig.host.sent == [b"%d" % n for n in range(3, WAITING_MAX + 3)]
    assert rig.gossip.failures == {"gossip-waiting": 3}


async def test_who_cannot_be_reached_is_left_alone_for_a_while(rig: Rig) -> None:
    rig.host.refuses = True
    rig.gossip.send(NODE, b"one")
    await until(lambda: rig.gossip.failures["gossip-connect"], "it fails")
    rig.gossip.send(NODE, b"two")
    await asyncio.sleep(0)
    assert rig.host.dials == 1
    rig.now += RETRY_S
    rig.gossip.send(NODE, b"three")
    await until(lambda: rig.host.dials == 2, "it is tried again")


async def test_a_lost_connection_is_made_anew(rig: Rig) -> None:
    rig.gossip.connected(NODE)
    rig.gossip.disconnected(NODE)
    rig.gossip.send(NODE, b"one")
    await asyncio.sleep(0)
    assert rig.host.dials == 1
    rig.gossip.connected(NODE)
    rig.gossip.restarted()
    rig.gossip.send(NODE, b"two")
    assert rig.host.sent == [b"one"]


async def test_a_full_queue_is_counted(rig: Rig) -> None:
    rig.gossip.connected(NODE)
    rig.host.full = True
    rig.gossip.send(NODE, b"one")
    assert rig.gossip.failures == {"gossip-full": 1}
