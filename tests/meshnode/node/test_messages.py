"""Data-channel messages between clients of different nodes, with real links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from meshnode import MeshNode
from support.control_world import until
from support.mesh_nodes import (
    Start,
    bring,
    chain,
    knows,
    mesh,
    mesh_nodes,
    ready,
    source,
)

Said = list[tuple[str, bytes | str]]
LARGE = bytes(range(256)) * 250
"""64,000 octets: as much as one message may have between nodes."""


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


def counts(node: MeshNode) -> dict[str, int]:
    found: dict[str, int] = mesh(node).counters["messages"]
    return found


async def test_publisher_and_viewers_hear_each_other_across_nodes(start: Start) -> None:
    nodes = await chain(start)
    async with source(nodes[0]) as camera:
        asked: Said = []
        camera.publisher.on_message(lambda label, data: asked.append((label, data)))
        with ExitStack() as stack:
            viewers, heard = [], []
            for node in nodes:
                await until(lambda n=node: knows(n, "cam"), "the stream is known")
                await bring(node)
                viewers.append(stack.enter_context(node.subscribe("cam")))
                got: Said = []
                viewers[-1].on_message(lambda la, da, to=got: to.append((la, da)))
                heard.append(got)
            said: Said = [
                ("chat", "good evening \u2603"),
                ("state", LARGE),
                *[("chat", str(number)) for number in range(50)],
            ]
            for label, data in said:
                camera.publisher.send_message(label, data)
            await until(lambda: heard == [said] * 3, "every viewer heard all, in order")
            for number, viewer in enumerate(viewers):
                viewer.send_message("chat", f"from {number}")
                viewer.send_message("chat", bytes((number,)))
            await until(lambda: len(asked) == 6, "the publisher heard every viewer")
            for number in range(3):
                mine = [("chat", f"from {number}"), ("chat", bytes((number,)))]
                assert [m for m in asked if m in mine] == mine
            assert heard == [said] * 3, "no viewer heard what viewers said"
    if ready(nodes[2]) == 1:
        assert counts(nodes[1])["sent"] == len(said) + 4


async def test_what_is_too_large_for_a_link_is_counted_and_hurts_nobody(
    start: Start,
) -> None:
    first = await start()
    second = await start(first)
    async with source(first) as camera:
        await until(lambda: knows(second, "cam"), "the stream is known")
        await bring(second)
        with second.subscribe("cam") as viewer:
            heard: Said = []
            viewer.on_message(lambda label, data: heard.append((label, data)))
            camera.publisher.send_message("state", LARGE + b"!")
            for _ in range(40):
                camera.publisher.send_message("state", LARGE)
            await until(lambda: bool(heard), "what there was room for comes")
            lost = counts(first)
            assert lost["message-large"] == 1
            assert lost.get("message-full", 0) + lost.get("message-rate", 0) > 30
            taken = lost["sent"]
            await until(lambda: len(heard) == taken, "and all of that")
            await asyncio.wait_for(anext(viewer), 20.0)
            assert ready(first) == 1
