"""A player against an aiortc server: frames come out, in order, bounded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from meshnode.client.picture import read_number
from meshnode.client.player import FRAMES_MAX, Player
from meshnode.client.session import RejectedError
from meshproto.errors import StateError


async def test_frames_of_both_kinds_come_out(counterpart: Any) -> None:
    seen: dict[str, list[Any]] = {"video": [], "audio": []}
    async with asyncio.timeout(60), Player(f"{counterpart.url}/whep/demo") as player:
        assert set(player.kinds) == {"video", "audio"}
        async for kind, arrived_s, frame in player.frames():
            seen[kind].append((arrived_s, frame))
            if min(map(len, seen.values())) >= 20:
                break
        sample = await player.sample()
    numbers = [read_number(frame) for _, frame in seen["video"]]
    assert None not in numbers
    assert numbers == sorted(numbers)
    assert (sample.width, sample.height) == (320, 180)
    assert sample.loss == 0.0
    assert sample.frames >= 20
    assert counterpart.deleted == ["/session/1"]


async def test_frames_nobody_takes_are_dropped(counterpart: Any) -> None:
    async with asyncio.timeout(60), Player(f"{counterpart.url}/whep/demo") as player:
        while player.dropped < 5:  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.05)
        assert all(len(q) <= FRAMES_MAX[kind] for kind, q in player._queues.items())


async def test_the_stream_ends_with_the_server(counterpart: Any) -> None:
    async with asyncio.timeout(60), Player(f"{counterpart.url}/whep/demo") as player:
        count = 0
        async for _ in player.frames():
            count += 1
            if count == 10:
                await counterpart.peers[0].close()
        assert await player.ended() == "closed"


async def test_waiting_for_a_publisher(counterpart: Any) -> None:
    counterpart.refuse.append(web.Response(status=409, headers={"Retry-After": "0"}))
    waited: list[str] = []
    url = f"{counterpart.url}/whep/demo"
    async with Player(url, patience_s=30, on_wait=waited.append) as player:
        assert player.kinds
    assert len(waited) == 1


async def test_no_patience(counterpart: Any) -> None:
    counterpart.refuse.append(web.Response(status=409, headers={"Retry-After": "1"}))
    with pytest.raises(RejectedError):
        await Player(f"{counterpart.url}/whep/demo").__aenter__()


async def test_use_before_entering_is_a_mistake() -> None:
    with pytest.raises(StateError, match="enter the Player"):
        await Player("http://127.0.0.1:1/whep/x").sample()
