"""Rooms that span nodes: members see each other, and move with their tokens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from meshnode import MeshNode
from meshproto.ids import StreamName
from support.dialects.sfu_go import SfuGoClient
from support.mesh_nodes import Start, mesh_nodes, ready
from support.rtc import until


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


async def pair(start: Start) -> tuple[MeshNode, MeshNode]:
    a = await start()
    b = await start(a)
    await until(lambda: ready(a) and ready(b), "a link")
    return a, b


def member(node: MeshNode, user: str) -> SfuGoClient:
    return SfuGoClient(node.urls["local"].rstrip("/"), user, user.title())


def flows(node: MeshNode, user: str, stream: str) -> bool:
    """Whether packets of a stream leave for a member.

    What aiortc makes of them is not asked where a section is used again: its decoder
    sees a stream change and asks for a key frame once at most.
    """
    room = node._parts.rooms.get("green")
    assert room is not None
    outlet = room.seats[user].playing.get(StreamName(stream))
    if outlet is None:
        return False
    consumers = node._parts.port.plane.stats()["forwarder"]["consumers"]
    leg = consumers.get(outlet.consumer)
    return leg is not None and leg["phase"] == "live" and leg["packets"] > 20


async def test_members_at_two_nodes_see_each_other(start: Start) -> None:
    a, b = await pair(start)
    async with member(a, "ann") as ann, member(b, "ben") as ben:
        await ann.join("green")
        await ben.join("green")
        await until(lambda: ann.tracks_played() == 2, "ann gets ben", 20)
        await until(lambda: ben.tracks_played() == 2, "ben gets ann", 20)
        await until(lambda: list(ann.peers.values()) == ["Ben"], "by name")
        await until(lambda: list(ben.peers.values()) == ["Ann"], "by name")
        await ann.send("chat", {"text": "hello"})
        assert (await ben.expect("chat"))["text"] == "hello"
        await ben.send("leave")
        assert (await ann.expect("peer-left"))["peerId"] == ben.joined["peerId"]


async def test_a_member_without_media_is_seen_elsewhere(start: Start) -> None:
    a, b = await pair(start)
    async with member(a, "ann") as ann, member(b, "ben") as ben:
        await ann.join("green", media=False)
        await until(lambda: b._parts.rooms.get("green"), "told")
        await ben.join("green", media=False)
        assert list(ben.peers.values()) == ["Ann"]
        async with member(b, "ann") as thief:
            await thief.send("join", {"roomId": "green", "userId": "ann"})
            assert (await thief.expect("error"))["code"] == 400
        assert a._parts.list.listed() == []


async def test_a_token_is_good_at_another_node_and_only_once(start: Start) -> None:
    a, b = await pair(start)
    async with member(a, "ann") as ann, member(a, "ben") as ben:
        await ann.join("green")
        await ben.join("green")
        await until(lambda: ben.tracks_played() == 2, "ben gets ann")
        token = ann.joined["sessionToken"]
        moved = member(b, "ann")
        await until(
            lambda: (room := b._parts.rooms.get("green")) and "ann" in room.afar, "told"
        )
        async with moved:
            await moved.join("green", sessionToken=token)
            assert moved.joined["resumed"]
            assert moved.joined["peerId"] == ann.joined["peerId"]
            await ann.expect("removed")
            seen = ben.frames["video"]
            await until(lambda: ben.frames["video"] > seen + 10, "ben goes on", 20)
            await until(lambda: moved.tracks_played() == 2, "and is seen", 20)
            for node in (a, b):
                async with member(node, "ann") as replay:
                    await replay.send(
                        "join",
                        {"roomId": "green", "userId": "ann", "sessionToken": token},
                    )
                    assert (await replay.expect("error"))["code"] == 400


async def test_when_a_node_dies_its_member_goes_on_elsewhere(start: Start) -> None:
    a, b = await pair(start)
    c = await start(b)
    await until(lambda: ready(c), "a third")
    async with member(a, "ann") as ann, member(b, "ben") as ben:
        await ann.join("green")
        await ben.join("green")
        await until(lambda: ben.tracks_played() == 2, "ben gets ann", 20)
        await until(
            lambda: (room := c._parts.rooms.get("green")) and len(room.afar) == 2,
            "told",
        )
        token = ann.joined["sessionToken"]
        await a.__aexit__(None, None, None)
        began = time.monotonic()
        async with member(c, "ann") as again:
            await again.join("green", sessionToken=token)
            assert again.joined["resumed"]
            assert again.joined["peerId"] == ann.joined["peerId"]
            await until(lambda: again.tracks_played() == 2, "ann gets ben", 20)
            print(f"back and seeing after {time.monotonic() - began:.1f} s")
            await until(lambda: flows(b, "ben", "green~ann~v0"), "ben goes on", 20)
