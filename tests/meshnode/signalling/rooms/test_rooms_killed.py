"""Kill -9 of a node in a room: its members are back for everybody within seconds.

Eight members at three nodes that are processes of their own, as packets see it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from support.node import RunningNode
from support.rooms.member import LightMember
from support.rooms.shows import Numbered
from support.rooms.trio import trio

MEMBERS = 8
BACK_S = 6.0
"""Twice what a quiet machine may take (`make rooms`): others run beside this one."""

# why long: three nodes start, for one death
pytestmark = pytest.mark.long


async def joined(node: RunningNode, user: str, token: str = "") -> LightMember:
    """A member that is connected and sends."""
    member = LightMember(node.url, user)
    await member.connect()
    await member.join("green", token=token)
    member.begin(Numbered())
    return member


async def all_get(members: Sequence[LightMember], peers: Sequence[str]) -> None:
    """Wait until everybody gets the pictures of these peers, but itself."""
    waits = {
        f"{member.user} of {peer[:6]}": member.gets(f"{peer}-v0", 3)
        for member in members
        for peer in peers
        if member.peer != peer
    }
    found = await asyncio.gather(*waits.values(), return_exceptions=True)
    late = [what for what, one in zip(waits, found, strict=True) if one is not None]
    told = {m.user: (dict(m.counts), m.of("error")) for m in members}
    assert not late, f"they do not get: {late}; what they were told: {told}"


async def test_members_of_a_killed_node_are_back_for_everybody() -> None:
    async with trio() as nodes:
        members = [await joined(nodes[n % 3], f"m{n}") for n in range(MEMBERS)]
        peers = [member.peer for member in members]
        await all_get(members, peers)
        await asyncio.sleep(3)  # rates and sizes are told, and second parents found
        nodes[0].process.kill()
        began = time.monotonic()
        stay = [m for n, m in enumerate(members) if n % 3]
        moving = members[::3]
        back = await asyncio.gather(
            *(
                joined(nodes[1 + place % 2], member.user, member.token)
                for place, member in enumerate(moving)
            )
        )
        assert [member.peer for member in back] == [m.peer for m in moving]
        await all_get([*stay, *back], peers)
        took_s = time.monotonic() - began
        print(f"{len(back)} members back for everybody after {took_s:.1f} s")
        for member in (*members, *back):
            await member.close()
    assert took_s < BACK_S
