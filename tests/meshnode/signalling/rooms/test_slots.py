"""Slots: fixed tracks, in which the loudest and the latest speakers are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from meshnode import MeshNode
from support.mesh_nodes import Start, mesh_nodes, ready
from support.rooms.member import LightMember
from support.rooms.shows import Numbered
from support.rtc import until


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


def light(node: MeshNode, user: str) -> LightMember:
    return LightMember(node.urls["local"], user)


async def shown(node: MeshNode, user: str) -> tuple[LightMember, Numbered]:
    """Somebody who joined and sends."""
    member, show = light(node, user), Numbered()
    await member.connect()
    await member.join("green")
    member.begin(show)
    return member, show


async def test_slots_show_who_speaks_and_nothing_is_agreed_anew(start: Start) -> None:
    a = await start()
    b = await start(a)
    await until(lambda: ready(a) and ready(b), "a link")
    others = {
        user: await shown(node, user)
        for user, node in (("ann", a), ("ben", b), ("cat", b))
    }
    async with light(a, "dan") as dan:
        await dan.join("green", audio=1, video=1)
        await until(lambda: len(dan.slots) == 2, "both slots are taken")
        await dan.gets("slot-v0")
        for user in ("ben", "ann", "cat"):
            member, show = others[user]
            show.speaks = True
            wanted = {"slot-a0": f"{member.peer}-a0", "slot-v0": f"{member.peer}-v0"}
            await until(lambda wanted=wanted: dan.slots == wanted, f"{user} is shown")
            await dan.gets("slot-a0")
            await dan.gets("slot-v0")
            show.speaks = False
        assert dan.counts["offers"] == 1
        assert dan.counts["renegotiate"] == dan.counts["offer"] == 0
        assert {dan.tracks[ssrc] for ssrc in dan.tracks} == {"slot-a0", "slot-v0"}
        await dan.say("slots")
        await dan.gets(f"{others['ann'][0].peer}-v0")
        await dan.say("slots", audio=-1)
        await until(lambda: dan.of("error"), "a wrong number")
        assert "0 to 64" in dan.of("error")[0]["message"]
    for member, _ in others.values():
        await member.close()


async def test_a_slot_is_empty_when_its_member_leaves(start: Start) -> None:
    a = await start()
    ann, _ = await shown(a, "ann")
    async with light(a, "dan") as dan:
        await dan.join("green", audio=2, video=2, layer="l")
        await dan.gets("slot-v0")
        assert dan.slots == {"slot-a0": f"{ann.peer}-a0", "slot-v0": f"{ann.peer}-v0"}
        await ann.say("leave")
        await until(lambda: set(dan.slots.values()) == {""}, "nobody is shown")
        ben, _ = await shown(a, "ben")
        await until(lambda: f"{ben.peer}-v0" in dan.slots.values(), "somebody else")
        await dan.gets("slot-v0")
        await ben.close()
    await ann.close()
