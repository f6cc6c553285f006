"""The tutorial's dialect through the node: any order, many receivers, one sender."""

from __future__ import annotations

from typing import Any

import pytest

from support.dialects.shades import Eyes
from support.dialects.sockets import Wire
from support.dialects.tutorial import ReceiverPage, SenderPage
from support.rtc import until

SHADES = (40, 120, 200)


@pytest.fixture
async def node(start: Any) -> Any:
    return await start(dialects="tutorial=:0")


def where(node: Any) -> str:
    return str(node.node.urls["tutorial"])


async def test_receivers_see_the_sender_whoever_comes_first(node: Any) -> None:
    early, late = (ReceiverPage(where(node), *SHADES) for _ in range(2))
    async with early, SenderPage(where(node), 120) as sender:
        await until(lambda: early.eyes.sees(120) and early.eyes.heard, "the early one")
        async with late:
            await until(lambda: late.eyes.sees(120) and late.eyes.heard, "the late one")
        assert [m["type"] for m in sender.messages] == ["createAnswer"]
        assert {m["type"] for m in early.messages} == {"createOffer"}
        names = {stream.name for stream in node.node.streams() if stream.tracks}
        assert names == {"tutorial~sender~v0", "tutorial~sender~a0"}
    gauges = node.node.status
    await until(lambda: gauges().gauges["consumers"] == 0, "no leg is left")
    await until(lambda: gauges().gauges["producers"] == 0, "no track is left")


async def test_a_sender_that_comes_back_is_seen_by_who_waited(node: Any) -> None:
    async with ReceiverPage(where(node), *SHADES) as receiver:
        async with SenderPage(where(node), 40):
            await until(lambda: receiver.eyes.sees(40), "the first")
        async with SenderPage(where(node), 200):
            await until(lambda: receiver.eyes.has_seen(200), "the second")


async def test_a_second_sender_takes_nothing_away(node: Any) -> None:
    """In the original the last one wins, whoever it is."""
    receiver = ReceiverPage(where(node), *SHADES)
    async with receiver, SenderPage(where(node), 40):
        await until(lambda: receiver.eyes.sees(40), "the first")
        async with Wire(where(node)) as second:
            await second.say(type="sender")
            assert (await second.heard("error"))["code"] == 409
        seen = sum(sum(s.values()) for s in receiver.eyes.seen.values())
        await until(lambda: receiver.eyes.sees(40, seen + 5), "it goes on")


async def test_a_page_that_offers_again_adds_a_track(node: Any) -> None:
    """As `onnegotiationneeded` has it where tracks are added one after the other."""
    receiver, sender = ReceiverPage(where(node), *SHADES), SenderPage(where(node), 40)
    async with receiver, sender:
        await until(lambda: receiver.eyes.sees(40), "the first track")
        sender.eyes.send(200)
        await sender.offer()
        await until(lambda: receiver.eyes.sees(200), "the second one")
        assert receiver.eyes.sees(40)


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "createOffer", "sdp": {}}], 400),
        ([{"type": "iceCandidate", "candidate": {}}], 400),
        ([{"type": "nobody"}], 400),
        ([{}], 400),
        ([{"type": "sender"}, {"type": "receiver"}], 409),
        ([{"type": "sender"}, {"type": "createAnswer", "sdp": {}}], 400),
        ([{"type": "receiver"}, {"type": "createOffer", "sdp": {}}], 400),
        ([{"type": "sender"}, {"type": "createOffer", "sdp": "v=0"}], 400),
        ([{"type": "sender"}, {"type": "createOffer"}], 400),
        ([{"type": "sender"}, {"type": "iceCandidate", "candidate": 7}], 400),
        (
            [
                {"type": "sender"},
                {"type": "createOffer", "sdp": {"type": "offer", "sdp": "nonsense"}},
            ],
            400,
        ),
    ],
)
async def test_mistakes_are_told_and_the_socket_goes_on(
    node: Any, messages: list[dict[str, Any]], code: int
) -> None:
    async with Wire(where(node)) as wire:
        for message in messages:
            await wire.say(**message)
        assert (await wire.heard("error"))["code"] == code
        await wire.say_text("{")
        await wire.heard("error", 2)
        assert not wire.over


async def test_who_may_send_is_decided_as_everywhere(start: Any) -> None:
    node = await start(dialects="tutorial=:0", publish_key="secret")
    eyes = Eyes()
    eyes.send(40)
    async with Wire(where(node)) as wire:
        await wire.say(type="sender")
        await wire.say(type="createOffer", sdp=await eyes.offer())
        assert (await wire.heard("error"))["code"] == 401
        assert "a=inactive" in (await wire.heard("createAnswer"))["sdp"]["sdp"]
    await eyes.close()
    async with (
        SenderPage(f"{where(node)}?access_token=secret", 40),
        ReceiverPage(where(node), *SHADES) as receiver,
    ):
        await until(lambda: receiver.eyes.sees(40), "the sender with a key")
