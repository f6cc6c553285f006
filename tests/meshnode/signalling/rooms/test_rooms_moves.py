"""Members that go on at another node, as packets see it: others go on getting them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from meshnode import MeshNode
from support.mesh_nodes import Start, mesh_nodes, ready
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
