"""A hundred members in one room over three nodes, for two minutes (`make crowd`).

Each sends sound, with gaps in the packets while it says nothing (DTX), and a picture in
two layers at ten a second; two speak at a time.  Each gets the five loudest voices and
nine pictures in the lowest layer, in slots.  One in ten decrypts everything it gets,
and knows each payload.  What the nodes spend is printed (`pytest -s`).

`MESHNODE_CROWD` is how many there are [100], `MESHNODE_CROWD_S` for how long [120].
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest

from meshproto.wire import rtp
from support.node import RunningNode
from support.rooms.crowd import LAYERS, Crowd, Recording
from support.rooms.member import Kinds, LightMember
from support.rooms.trio import Usage, trio

MEMBERS = int(os.environ.get("MESHNODE_CROWD", "100"))
HOLD_S = float(os.environ.get("MESHNODE_CROWD_S", "120"))
SLOTS = {"audio": 5, "video": 9, "layer": "l"}
SAMPLED_EVERY = 10
SETTLE_S = 10.0
JOIN_S = 60.0
SILENCE_S = 2.0
"""No slot of sound or picture may be silent for so long."""
JOINING = 5
"""Members that join at the same time."""

pytestmark = [pytest.mark.timeout(290)]


@contextlib.asynccontextmanager
async def crowd(
    nodes: Sequence[RunningNode], recording: Recording
) -> AsyncIterator[tuple[Crowd, list[LightMember]]]:
    """Everybody, connected and sending."""
    everybody = Crowd(recording)
    sending = asyncio.create_task(everybody.run())
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        gate = asyncio.Semaphore(JOINING)

        async def join(number: int) -> LightMember:
            sampled = number % SAMPLED_EVERY == 0
            member = LightMember(
                nodes[number % len(nodes)].url,
                f"m{number}",
                kinds=Kinds(layers=tuple(LAYERS), pool=SLOTS["video"]),  # type: ignore[arg-type]
                decrypt_every=1 if sampled else 0,
                http=http,
            )
            async with gate:
                await stack.enter_async_context(member)
                await member.join("hall", **SLOTS)
            everybody.add(member)
            return member

        async with asyncio.timeout(JOIN_S):
            members = await asyncio.gather(*(join(n) for n in range(MEMBERS)))
        try:
            yield everybody, list(members)
        finally:
            sending.cancel()


class Sample:
    """What one member that decrypts everything found."""

    def __init__(self, member: LightMember, known: frozenset[bytes]) -> None:
        self.member = member
        self.found: Counter[str] = Counter()
        self._known = known
        assert member.client is not None
        member.client.on_rtp = self._got

    def _got(self, packet: bytes) -> None:
        payload = rtp.payload(packet, rtp.parse(packet))
        self.found["known" if payload in self._known else "other"] += 1

    @property
    def refused(self) -> dict[str, int]:
        """Packets that could not be opened."""
        assert self.member.client is not None
        counters = self.member.client.counters
        return {k: v for k, v in counters.items() if k.startswith("srtp")}


async def test_a_hundred_members_hold() -> None:
    recording = Recording.make()
    me = [os.getpid()]
    async with trio() as nodes:
        began = Usage.now(nodes, members=me)
        async with crowd(nodes, recording) as (everybody, members):
            joined = Usage.now(nodes, members=me)
            print(f"\n{MEMBERS} members joined, {joined.since(began)}")
            await asyncio.sleep(SETTLE_S)
            samples = [
                Sample(member, recording.all) for member in members[::SAMPLED_EVERY]
            ]
            before = [m.client.packets for m in members if m.client]
            for member in members:
                member.silences()
            everybody.late_s = 0.0
            settled = Usage.now(nodes, members=me)
            await asyncio.sleep(HOLD_S)
            now = Usage.now(nodes, members=me)
            got = [
                m.client.packets - b
                for m, b in zip(members, before, strict=True)
                if m.client
            ]
            silences = {m.user: m.silences() for m in members}
            print(f"they hold, {now.since(settled)}")
            each = sorted(packets / HOLD_S for packets in got)
            worst = max(max(found.values()) for found in silences.values())
            told = sum((m.counts for m in members), Counter())
            print(
                f"packets a second each: {each[0]:.0f} to {each[-1]:.0f},"
                f" {sum(got) / HOLD_S:.0f} in all; the longest silence of a slot"
                f" {worst:.2f} s; sent late by {everybody.late_s:.2f} s at most"
            )
            print(f"messages: {dict(told)}")
            slow = [
                (round(s, 1), u, n) for u, f in silences.items() for n, s in f.items()
            ]
            print(f"the slowest slots: {sorted(slow, reverse=True)[:12]}")
            for sample in samples:
                print(f"{sample.member.user}: {dict(sample.found)} {sample.refused}")
            assert not any(sample.refused for sample in samples)
            for sample in samples:
                assert sample.found["known"] > 0.95 * sample.found.total()
                assert len(sample.member.slots) == 14
            for found in silences.values():
                slots = [s for name, s in found.items() if name.startswith("slot-")]
                assert len(slots) == 14
                assert max(slots) < SILENCE_S
            assert all(node.process.poll() is None for node in nodes)
