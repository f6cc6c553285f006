"""Streams with real publishers and viewers: joining, leaving, coming back."""

from __future__ import annotations

import asyncio
import time

import pytest

from meshnode.signalling import streams as rules
from support.offers import FRAGMENT, SDP, play_offer, publish_offer, restart
from support.rtc import Publisher, Viewer, until


def stream(client, name="demo"):
    return next((s for s in client.node.streams() if s.name == name), None)


async def test_what_one_publishes_the_others_see(client) -> None:
    async with Publisher(f"{client.base}/whip/demo") as publisher:
        await until(lambda: stream(client).state == "live", "live")
        assert [track.codec for track in stream(client).tracks] == ["vp8", "opus"]
        async with (
            Viewer(f"{client.base}/whep/demo") as one,
            Viewer(f"{client.base}/whep/demo") as two,
        ):
            await asyncio.gather(one.sees(20), two.sees(20))
            await until(lambda: one.frames["audio"] > 20, "sound")
            assert stream(client).viewers == 2
        await until(lambda: stream(client).viewers == 0, "viewers counted out")
        assert publisher.pc.connectionState == "connected"
    await until(lambda: client.node.status().gauges["transports"] == 0, "all freed")


async def test_a_viewer_does_not_notice_a_publisher_that_returns(client) -> None:
    url = f"{client.base}/whip/demo"
    first = Publisher(url)
    await first.open()
    async with Viewer(f"{client.base}/whep/demo") as viewer:
        await viewer.sees(10)
        await first.close()
        assert stream(client).state == "lingering"
        async with Publisher(url):
            await viewer.sees(20)
            assert viewer.pc.connectionState == "connected"
            assert stream(client).viewers == 1


async def test_a_viewer_may_join_while_the_stream_lingers(client) -> None:
    url = f"{client.base}/whip/demo"
    async with Publisher(url):
        await until(lambda: stream(client).state == "live", "live")
    assert stream(client).state == "lingering"
    async with Viewer(f"{client.base}/whep/demo") as viewer, Publisher(url):
        await viewer.sees(10)


async def test_the_same_key_takes_over_at_once_without_a_gap(start) -> None:
    client = await start(publish_key="s3cret")
    url = f"{client.base}/whip/demo"
    async with (
        Publisher(url, token="s3cret") as first,
        Viewer(f"{client.base}/whep/demo") as viewer,
    ):
        await viewer.sees(10)
        async with Publisher(url, token="s3cret"):
            await viewer.sees(20)
            gauges = client.node.status().gauges
            assert gauges["transports"] == 2
            assert (await client.ask("GET", first.location)).status == 410
            assert stream(client).viewers == 1


async def test_a_crashed_publisher_is_taken_over_by_its_own_bearer(client) -> None:
    url = f"{client.base}/whip/demo"
    first = Publisher(url, token="any name")
    await first.open()
    async with Viewer(f"{client.base}/whep/demo") as viewer:
        await viewer.sees(10)
        await first.vanish()
        async with Publisher(url, token="any name"):
            await viewer.sees(20)


async def test_somebody_else_gets_409_while_media_flows(client) -> None:
    async with Publisher(f"{client.base}/whip/demo"):
        answer = await client.publish(publish_offer())
        assert answer.status == 409
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
        other = await client.publish(publish_offer(), Authorization="Bearer other")
        assert other.status == 409


async def test_somebody_else_gets_the_name_after_five_silent_seconds(client) -> None:
    first = Publisher(f"{client.base}/whip/demo")
    await first.open()
    await until(lambda: stream(client).state == "live", "live")
    began = time.monotonic()
    await first.vanish()
    while (answer := await client.publish(publish_offer())).status == 409:
        await asyncio.sleep(0.5)
        assert time.monotonic() - began < 60
    assert answer.status == 201
    assert time.monotonic() - began > rules.SILENCE_S - 1


async def test_a_stream_ends_when_nobody_returns(client) -> None:
    async with Publisher(f"{client.base}/whip/demo"):
        viewer = Viewer(f"{client.base}/whep/demo")
        await viewer.open()
        await viewer.sees(5)
    began = time.monotonic()
    await until(lambda: viewer.pc.connectionState == "closed", "hung up", 40)
    assert time.monotonic() - began > rules.LINGER_S - 1
    assert stream(client) is None
    assert (await client.play(play_offer())).status == 409
    await viewer.close()


@pytest.mark.long
async def test_an_offer_that_never_connects_is_freed_in_15_s(client) -> None:
    answer = await client.publish(publish_offer())
    location = answer.headers["Location"]
    began = time.monotonic()
    await until(lambda: client.node.status().gauges["transports"] == 0, "freed", 40)
    assert 13 < time.monotonic() - began < 30
    assert (await client.ask("DELETE", location)).status == 200


async def test_a_viewer_that_cannot_decode_the_new_codec_is_sent_away(client) -> None:
    vp8 = {"video": (("96", "VP8/90000"),)}
    h264 = {"video": (("97", "H264/90000"),)}
    first = await client.publish(publish_offer("video", codecs=vp8))
    viewer = await client.play(play_offer("video", codecs=vp8))
    await client.ask("DELETE", first.headers["Location"])
    await client.publish(publish_offer("video", codecs=h264))
    assert (await client.ask("GET", viewer.headers["Location"])).status == 410


async def test_messages_go_from_the_publisher_to_every_viewer_and_back(client) -> None:
    whip, whep = f"{client.base}/whip/demo", f"{client.base}/whep/demo"
    async with (
        Publisher(whip, data="chat") as publisher,
        Viewer(whep, data="chat") as one,
        Viewer(whep, data="chat") as two,
    ):
        for peer in (publisher, one, two):
            await until(lambda p=peer: p.channel.readyState == "open", "channel open")
        publisher.channel.send("hello")
        publisher.channel.send(b"\x00\x01")
        for viewer in (one, two):
            await until(lambda v=viewer: len(v.messages) == 2, "both messages")
            assert viewer.messages == ["hello", b"\x00\x01"]
        one.channel.send("question")
        await until(lambda: publisher.messages == ["question"], "the question")
        assert two.messages == ["hello", b"\x00\x01"]


async def test_a_message_over_the_limit_is_not_handed_on(start) -> None:
    client = await start({"message_bytes": 1000})
    whip, whep = f"{client.base}/whip/demo", f"{client.base}/whep/demo"
    async with (
        Publisher(whip, data="chat") as publisher,
        Viewer(whep, data="chat") as viewer,
    ):
        for peer in (publisher, viewer):
            await until(lambda p=peer: p.channel.readyState == "open", "channel open")
        publisher.channel.send("x" * 1001)
        publisher.channel.send("y" * 1000)
        await until(lambda: viewer.messages, "a message")
        assert viewer.messages == ["y" * 1000]


async def test_an_ice_restart_keeps_the_media_flowing(client) -> None:
    async with (
        Publisher(f"{client.base}/whip/demo"),
        Viewer(f"{client.base}/whep/demo") as viewer,
    ):
        await viewer.sees(10)
        sent = {**FRAGMENT, "If-Match": "*"}
        done = await client.ask("PATCH", viewer.location, data=restart(), headers=sent)
        assert done.status == 200
        await viewer.sees(20)


@pytest.mark.parametrize("door", ["whip", "whep"])
async def test_a_full_node_answers_503_and_names_the_limit(start, door) -> None:
    client = await start({"transports": 1})
    assert (await client.publish(publish_offer())).status == 201
    answer = await client.ask(
        "POST",
        f"/{door}/{'other' if door == 'whip' else 'demo'}",
        data=publish_offer() if door == "whip" else play_offer(),
        headers=SDP,
    )
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await answer.json(content_type=None))["limit"] == "transports"
