"""Eight pages of one browser in a room over three nodes (`make rooms`).

Everybody decodes everybody: 56 pictures of 320x180 at 15 a second, VP8.  Then somebody
comes and goes fifty times, and then a node is killed: its members come back at another
one by their tokens.  What the machine and the nodes spend is printed (`pytest -s`).

`MESHNODE_ROOM_PAGES` is how many pages there are [8].
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence

import pytest
from playwright.async_api import Browser

from support.browser import chromium
from support.node import RunningNode, eventually
from support.rooms.pages import FLAGS, PageMember, all_see, look
from support.rooms.trio import Lateness, Usage, held, tree_of, trio

PAGES = int(os.environ.get("MESHNODE_ROOM_PAGES", "8"))
VISITS = int(os.environ.get("MESHNODE_ROOM_VISITS", "50"))
SETTLE_S = float(os.environ.get("MESHNODE_ROOM_SETTLE_S", "15"))
WATCH_S = float(os.environ.get("MESHNODE_ROOM_WATCH_S", "30"))
RATE_HZ = 15
RESUME_S = 3.0
LET_GO_S = 60.0
"""Nodes keep what nobody watches for a while, in case somebody comes back."""

pytestmark = [pytest.mark.timeout(280)]


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[RunningNode, ...]]:
    async with trio() as running:
        yield running


@pytest.fixture
async def browser(nodes: tuple[RunningNode, ...]) -> AsyncIterator[Browser]:
    origins = ",".join(node.url for node in nodes)
    async with chromium(origins, "/usr/bin/chromium", *FLAGS) as opened:
        yield opened


async def gather(
    browser: Browser, nodes: Sequence[RunningNode], count: int
) -> list[PageMember]:
    """So many pages, spread over the nodes, once each sees all others."""
    members = []
    for number in range(count):
        url = nodes[number % len(nodes)].url
        members.append(await PageMember.open(browser, url, f"m{number}", count))
    await all_see(members, [m.peer for m in members], 60)
    return members


def usage(nodes: Sequence[RunningNode]) -> Usage:
    mine = tree_of(os.getpid())
    apart = {pid for node in nodes for pid in tree_of(node.process.pid)}
    browser = [pid for pid in mine[1:] if pid not in apart]
    return Usage.now(nodes, browser=browser)


async def freezes_of(
    members: Sequence[PageMember], duration_s: float
) -> tuple[dict[str, int], float]:
    """Watch for a while: who saw what freeze how often, and the slowest picture's
    frames a second.
    """
    before = await look(members)
    await asyncio.sleep(duration_s)
    after = await look(members)
    found: dict[str, int] = {}
    slowest = float("inf")
    for user, seen in after.items():
        for peer, now in seen.items():
            then = before[user][peer]
            slowest = min(slowest, (now["frames"] - then["frames"]) / duration_s)
            if count := int(now["freezes"] - then["freezes"]):
                found[f"{user} of {peer[:6]}"] = count
    return found, slowest


async def test_everybody_decodes_everybody_without_a_freeze(
    nodes: tuple[RunningNode, ...], browser: Browser
) -> None:
    empty = usage(nodes)
    await asyncio.sleep(5)
    print(f"\nan empty mesh and browser, {usage(nodes).since(empty)}")
    members = await gather(browser, nodes, PAGES)
    await asyncio.sleep(SETTLE_S)
    began = usage(nodes)
    async with Lateness() as late:
        frozen, slowest = await freezes_of(members, WATCH_S)
    print(f"{PAGES} pages, {usage(nodes).since(began)}; {late}")
    seen = await look(members)
    tracks = sum(len(found) for found in seen.values())
    print(f"{tracks} pictures, the slowest {slowest:.1f} a second; freezes: {frozen}")
    assert tracks == PAGES * (PAGES - 1)
    assert not frozen
    assert slowest > 0.9 * RATE_HZ
    for member in members:
        assert await member.errors() == []


async def test_somebody_comes_and_goes_and_disturbs_nobody(
    nodes: tuple[RunningNode, ...], browser: Browser
) -> None:
    members = await gather(browser, nodes, PAGES - 1)
    guest = await PageMember.open(browser, nodes[-1].url, "guest", PAGES)
    await all_see([guest], [m.peer for m in members], 30)
    await guest.leave()
    await asyncio.sleep(SETTLE_S)
    stay = [member.peer for member in members]
    first, before = await look(members), await held(nodes)
    print(f"\nheld by the nodes: {before}")
    began = usage(nodes)
    took = []
    async with Lateness() as late:
        for visit in range(VISITS):
            await guest.join(nodes[visit % 3].url)
            took.append(await all_see([guest, *members], [guest.peer, *stay], 20, 1))
            print(f"{'' if visit % 10 else chr(10)}{took[-1]:.1f}", end=" ", flush=True)
            await guest.leave()
    print(f"\n{VISITS} visits, {usage(nodes).since(began)}; {late}")
    median_s = sorted(took)[VISITS // 2]
    print(f"seen by all after {median_s:.1f} s, at most {max(took):.1f} s")
    last = await look(members)
    frozen = {
        f"{user} of {peer[:6]}": int(last[user][peer]["freezes"] - then["freezes"])
        for user, seen in first.items()
        for peer, then in seen.items()
        if peer in stay and last[user][peer]["freezes"] != then["freezes"]
    }
    print(f"freezes of those who stayed: {frozen}")
    assert not frozen

    async def as_before() -> bool:
        return await held(nodes) == before

    try:
        await eventually(as_before, LET_GO_S, "nodes hold what they held")
    finally:
        print(f"held in the end: {await held(nodes)}")
    shown = await look(members)
    for member in members:
        assert set(shown[member.user]) == set(stay) - {member.peer}
        for peer in set(stay) - {member.peer}:
            now, then = last[member.user][peer], first[member.user][peer]
            assert now["ssrc"] == then["ssrc"], "nothing of others was agreed anew"
        assert await member.errors() == []
        sections = await member.page.evaluate(
            f"members['{member.user}'].pc.getTransceivers().length"
        )
        assert sections <= 1 + 2 * (PAGES + 1), "sections are used again"


async def test_members_of_a_killed_node_resume_at_another(
    nodes: tuple[RunningNode, ...], browser: Browser
) -> None:
    members = await gather(browser, nodes, PAGES)
    moving = members[:: len(nodes)]
    for place, member in enumerate(moving):
        await member.goes_on_at(nodes[1 + place % 2].url)
    await asyncio.sleep(SETTLE_S)
    began = usage(nodes)
    nodes[0].process.kill()
    await asyncio.to_thread(nodes[0].process.wait)
    await asyncio.sleep(0.2)  # what was under way is decoded, and not counted
    took = 0.2 + await all_see(members, [m.peer for m in members], 30)
    print(f"\n{len(moving)} members back for all others after {took:.1f} s")
    print(usage(nodes).since(began))
    for member in moving:
        joined = await member.page.evaluate(f"members['{member.user}'].joined")
        assert joined["resumed"]
        assert joined["peerId"] == member.peer
    assert took < RESUME_S
