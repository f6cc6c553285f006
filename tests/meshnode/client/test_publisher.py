"""A publisher against an aiortc server: its frames arrive, and it leaves tidily."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from meshnode.client import peer
from meshnode.client.pace import Pacer
from meshnode.client.picture import read_number
from meshnode.client.publisher import Publisher
from meshnode.client.session import RejectedError
from meshnode.client.synthetic import TestToneTrack, TestVideoTrack
from support.control_world import until


def tracks() -> list[Any]:
    pacer = Pacer()
    return [TestVideoTrack(pacer, 320, 180, 25), TestToneTrack(pacer)]


async def frames(counterpart: Any, kind: str, count: int) -> list[Any]:
    async with asyncio.timeout(40):
        while True:
            found = [frame for k, frame in counterpart.received if k == kind]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_picture_and_tone_arrive(counterpart: Any, codec: str) -> None:
    url = f"{counterpart.url}/whip/demo"
    async with Publisher(url, tracks(), bearer="s3cret", codec=codec) as publisher:
        video = await frames(counterpart, "video", 20)
        await frames(counterpart, "audio", 20)
        sample = await publisher.sample()
    numbers = [read_number(frame) for frame in video]
    assert None not in numbers
    assert numbers == sorted(numbers)
    assert (sample.state, sample.width, sample.height) == ("connected", 320, 180)
    assert sample.bitrate_bps > 10_000
    assert sample.round_trip_s is not None
    assert sample.round_trip_s < 1.0
    assert counterpart.headers[0]["Authorization"] == "Bearer s3cret"
    assert counterpart.deleted == ["/session/1"]
    assert codec in counterpart.peers[0].remoteDescription.sdp.lower()


async def test_a_refusal_leaves_nothing_behind(counterpart: Any) -> None:
    before = len(asyncio.all_tasks())
    counterpart.refuse.append(web.Response(status=401, text="no key"))
    with pytest.raises(RejectedError, match="401: no key"):
        await Publisher(f"{counterpart.url}/whip/demo", tracks()).__aenter__()
    assert counterpart.deleted == []
    # one more is the server's keep-alive handler
    await until(lambda: len(asyncio.all_tasks()) <= before + 1, "all else has ended")


async def test_an_answer_that_is_none(counterpart: Any) -> None:
    counterpart.refuse.append(
        web.Response(status=201, text="v=0\r\n", content_type="application/sdp")
    )
    with pytest.raises(ValueError, match="answer is not usable"):
        await Publisher(f"{counterpart.url}/whip/demo", tracks()).__aenter__()


async def test_a_server_whose_media_port_is_closed(
    counterpart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "CONNECT_TIMEOUT_S", 0.5)
    counterpart.corrupt = True
    with pytest.raises(ConnectionError, match="no UDP reply from the server"):
        await Publisher(f"{counterpart.url}/whip/demo", tracks()).__aenter__()
    assert counterpart.deleted == ["/session/1"]


async def test_the_other_end_hangs_up(counterpart: Any) -> None:
    async with Publisher(f"{counterpart.url}/whip/demo", tracks()) as publisher:
        await frames(counterpart, "video", 1)
        await counterpart.peers[0].close()
        async with asyncio.timeout(30):
            assert await publisher.ended() == "closed"
