"""Who leaves a room and comes again at another node is somebody new under old names.

A third node may hear of both at once, where it or its network stalled for a moment, or
of the coming before the leaving.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from meshnode import MeshNode
from meshproto.ids import NodeId
from meshproto.wire import pubsub
from support.mesh_nodes import Start, mesh_nodes, ready
from support.rooms.member import LightMember
from support.rooms.shows import Numbered
from support.rtc import until

Three = tuple[MeshNode, MeshNode, MeshNode]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


@pytest.fixture
async def nodes(start: Start) -> Three:
    a = await start()
    b = await start(a)
    c = await start(b)
    await until(lambda: ready(b) == 2 and ready(c) == 2, "links")
    return a, b, c


def light(node: MeshNode, user: str) -> LightMember:
    return LightMember(node.urls["local"], user)


@contextlib.contextmanager
def deaf(node: MeshNode, last: MeshNode | None = None) -> Iterator[None]:
    """What is gossiped reaches a node at the end of the block, all at once; what `last`
    says comes after all else.
    """
    assert node._control is not None
    brain, driver = node._control._brain, node._control._driver
    hear, waiting = brain.gossip_received, list[tuple[NodeId, bytes]]()
    brain.gossip_received = lambda *rpc: waiting.append(rpc[:2])  # type: ignore[method-assign]
    try:
        yield
    finally:
        brain.gossip_received = hear  # type: ignore[method-assign]
        by = None if last is None else last._control and last._control.node
        for neighbour, rpc in sorted(waiting, key=lambda it: by in authors(it[1])):
            driver.tell("gossip", hear, neighbour, rpc)


def authors(rpc: bytes) -> set[NodeId | None]:
    return {m.origin and NodeId(m.origin) for m in pubsub.decode(rpc).publish}


def afar(node: MeshNode) -> set[str]:
    """Users that a node knows at other nodes."""
    room = node._parts.rooms.get("green")
    return set() if room is None else set(room.afar)


def fetched(node: MeshNode) -> set[str]:
    assert node._relaying is not None
    return {str(name) for name, _ in node._relaying.fetched()}


@pytest.mark.parametrize("order", ["leaving first", "coming first"])
async def test_a_node_that_stalls_meanwhile_shows_who_came(
    nodes: Three, order: str
) -> None:
    a, b, c = nodes
    last = a if order == "coming first" else None
    async with light(c, "cat") as cat, light(b, "guest") as again:
        await cat.join("green")
        async with light(a, "guest") as guest:
            await guest.join("green")
            guest.begin(Numbered())
            await cat.gets(f"{guest.peer}-v0", 3)
            with deaf(c, last):
                await guest.say("leave")
                await until(lambda: "guest" not in afar(b), "it is known to have left")
                await again.join("green")
                again.begin(Numbered())
                tracks = again.peer and {"green~guest~v0", "green~guest~a0"}
                await until(lambda: tracks <= known(a), "what it shows is told")
        await cat.gets(f"{again.peer}-v0", 3)
        assert [m["peerId"] for m in cat.of("peer-left")] == [guest.peer]
        assert cat.of("peer-joined")[-1]["peerId"] == again.peer
        await again.say("leave")
        await until(lambda: "guest" not in afar(c), "it has left")
        await until(lambda: not fetched(c), "nothing is held for whom nobody sees", 40)
        assert [m["peerId"] for m in cat.of("peer-left")] == [guest.peer, again.peer]


async def test_who_leaves_after_its_connection_is_closed_shows_nothing_any_more(
    start: Start,
) -> None:
    """Pages do both at once, and what they say by two ways may come in this order."""
    a = await start()
    b = await start(a)
    async with light(a, "guest") as guest:
        await guest.join("green")
        tracks = {"green~guest~v0", "green~guest~a0"}
        await until(lambda: tracks <= known(b), "what it shows is told", 40)
        (seat,) = a._parts.rooms.get("green").seats.values()
        guest.client.close()
        await until(lambda: seat.connection.transport is None, "the connection is lost")
        assert tracks <= known(b), "it may come back"
        await guest.say("leave")
        await until(lambda: "guest" not in afar(b), "it has left", 40)
        assert not known(b), "its tracks ended first"
        assert not a.streams()


def known(node: MeshNode) -> set[str]:
    """Names of streams that can be had, as a node knows."""
    mesh = node.status().mesh
    assert mesh is not None
    return {str(stream.name) for stream in mesh.streams}
