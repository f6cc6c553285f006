"""Members that go on at another node, as packets see it: others go on getting them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from meshnode import MeshNode
from support.mesh_nodes import OPUS, Start, mesh_nodes, ready
from support.patience import soon
from support.rooms.member import LightMember
from support.rooms.shows import Numbered
from support.rtc import until

RESUME_S = 3.0
"""The time in which a member that lost its node is to be back for the others."""


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


def light(node: MeshNode, user: str) -> LightMember:
    return LightMember(node.urls["local"], user)


async def vanish(node: MeshNode) -> None:
    """End a node without a word to the mesh."""
    assert node._control is not None
    await node._control.close()
    await node.__aexit__(None, None, None)


async def stop(node: MeshNode) -> None:
    """End a node whose streams end with it."""
    await node.__aexit__(None, None, None)


@pytest.mark.parametrize("end", [stop, vanish])
async def test_who_watched_gets_a_member_whose_node_went(
    start: Start, end: Callable[[MeshNode], Awaitable[None]]
) -> None:
    await soon(lambda: moved(start, end), RESUME_S)


async def moved(start: Start, end: Callable[[MeshNode], Awaitable[None]]) -> float:
    """How long the others go without a member whose node goes."""
    a = await start()
    b = await start(a)
    c = await start(b)
    await until(lambda: ready(b) == 2 and ready(c) == 2, "links")
    async with light(a, "ann") as ann, light(b, "ben") as ben, light(c, "cat") as cat:
        others = (ben, cat)
        for member in (ann, ben, cat):
            await member.join("green")
            member.begin(Numbered())
        picture = f"{ann.peer}-v0"
        for other in others:
            await other.gets(picture)
        await end(a)
        began = time.monotonic()
        async with light(c, "ann") as again:
            await again.join("green", token=ann.token)
            assert again.peer == ann.peer
            again.begin(Numbered())
            await asyncio.gather(*(other.gets(picture, 3) for other in others))
            took_s = time.monotonic() - began
            print(f"the others have ann again after {took_s:.1f} s")
            for other in others:
                await again.gets(f"{other.peer}-v0")
            return took_s


AGAIN_S = 2.5
"""Well below the linger of a stream that ended."""


async def test_who_left_and_joins_anew_is_there_for_others_at_once(
    start: Start,
) -> None:
    a = await start()
    b = await start(a)
    c = await start(b)
    await until(lambda: ready(b) == 2 and ready(c) == 2, "links")
    async with light(a, "ann") as ann:
        await ann.join("green")
        ann.begin(Numbered())
        await came(c, ann)

        async def again() -> float:
            """How long it takes who left a moment ago, and comes to another node."""
            first = await came(b, ann)
            second = await came(c, ann)
            print(f"seen after {first:.1f} s and {second:.1f} s")
            return max(first, second)

        await soon(again, AGAIN_S)
        rooms = [node._parts.rooms.get("green") for node in (a, b, c)]
        await until(lambda: all(r is not None and len(r) == 1 for r in rooms), "left")
        await until(lambda: fetched(a, b, c) == [0, 0, 0], "old streams are let go", 40)


def fetched(*nodes: MeshNode) -> list[int]:
    """How many streams from afar each of them has."""
    found = []
    for node in nodes:
        assert node._relaying is not None
        found.append(len(node._relaying.fetched()))
    return found


async def came(node: MeshNode, ann: LightMember) -> float:
    """Somebody new comes to a node as "guest" and leaves when ann got its picture; how
    long that took from its first word.
    """
    room = node._parts.rooms.get("green")
    await until(lambda: room is None or "guest" not in room.afar, "it is known to left")
    async with light(node, "guest") as guest:
        began = time.monotonic()
        await guest.join("green")
        guest.begin(Numbered())
        await ann.gets(f"{guest.peer}-v0", 3)
        took_s = time.monotonic() - began
        await guest.gets(f"{ann.peer}-v0")
        await guest.say("leave")
        return took_s


async def test_a_track_whose_name_is_taken_is_shown_when_it_is_free(
    start: Start,
) -> None:
    """As that of who comes here before the end of what it showed elsewhere does."""
    a = await start()
    old = a.publish("green~guest~v0", [OPUS], owner="somebody")
    async with light(a, "ann") as ann, light(a, "guest") as guest:
        for member in (ann, guest):
            await member.join("green")
            member.begin(Numbered())
        await guest.gets(f"{ann.peer}-v0")
        room = a._parts.rooms.get("green")
        assert room is not None
        assert "v0" not in [shown.label for shown in room.seats["guest"].shown]
        old.close()
        await ann.gets(f"{guest.peer}-v0", 3)
