"""The tutorial as it was: messages pass the node, media does not."""

from __future__ import annotations

from typing import Any

import pytest

from meshnode.signalling.dialects import peer_to_peer
from support.dialects.sockets import Wire
from support.dialects.tutorial import ReceiverPage, SenderPage
from support.rtc import until

OFFER = {"type": "offer", "sdp": "v=0 of somebody"}
ANSWER = {"type": "answer", "sdp": "v=0 of another"}


@pytest.fixture
async def node(start: Any) -> Any:
    return await start(dialects="tutorial-p2p=:0")


def where(node: Any) -> str:
    return str(node.node.urls["tutorial-p2p"])


async def test_two_pages_see_each_other_without_the_node(node: Any) -> None:
    async with (
        SenderPage(where(node), 120) as sender,
        ReceiverPage(where(node), 120) as receiver,
    ):
        await until(lambda: receiver.eyes.sees(120), "the picture")
        assert sender.of("createAnswer")
        assert node.node.status().gauges["transports"] == 0
        assert node.node.streams() == ()


async def test_who_comes_later_gets_what_was_said(node: Any) -> None:
    """In the original an offer before the receiver came is lost."""
    init = {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0"}
    async with Wire(where(node)) as sender, Wire(where(node)) as receiver:
        await sender.say(type="sender")
        await sender.say(type="createOffer", sdp={"type": "offer", "sdp": "old"})
        await sender.say(type="iceCandidate", candidate={"candidate": "old"})
        await sender.say(type="createOffer", sdp=OFFER)
        for _ in range(peer_to_peer.KEPT_MAX + 10):
            await sender.say(type="iceCandidate", candidate={**init, "more": "x" * 999})
        await sender.say_text("{")
        await sender.heard("error")
        await receiver.say(type="receiver")
        assert (await receiver.heard("createOffer"))["sdp"] == OFFER
        await receiver.say(type="createAnswer", sdp=ANSWER)
        assert (await sender.heard("createAnswer"))["sdp"] == ANSWER
        candidates = receiver.of("iceCandidate")
        assert candidates[0] == {"type": "iceCandidate", "candidate": init}
        assert len(candidates) <= peer_to_peer.KEPT_MAX
        assert len(receiver.of("createOffer")) == 1


async def test_a_slot_is_its_holders_until_it_leaves(node: Any) -> None:
    async with Wire(where(node)) as first, Wire(where(node)) as second:
        await first.say(type="receiver")
        async with Wire(where(node)) as sender:
            await sender.say(type="sender")
            await sender.say(type="createOffer", sdp=OFFER)
            await first.heard("createOffer")
            await second.say(type="receiver")
            assert (await second.heard("error"))["code"] == 409
            await second.say(type="createAnswer", sdp=ANSWER)
            assert (await second.heard("error", 2))["code"] == 400
            assert not sender.of("createAnswer")
        for number in range(3, 100):
            await second.say(type="sender")  # free as soon as its socket is gone
            await second.say(type="createAnswer", sdp=ANSWER)
            told = await second.heard("error", number)
            if "sender says" in told["message"]:
                break
        await second.say(type="createOffer", sdp=OFFER)
        await first.heard("createOffer", 2)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "createOffer", "sdp": OFFER},
        {"type": "createAnswer", "sdp": OFFER},
        {"type": "createAnswer", "sdp": "v=0"},
        {"type": "iceCandidate", "candidate": "no json"},
        {"type": "iceCandidate", "candidate": {"candidate": "x" * 2000}},
        {"type": "iceCandidate", "candidate": {"sdpMLineIndex": "0"}},
    ],
)
async def test_what_a_receiver_must_not_say_is_not_passed_on(
    node: Any, message: dict[str, Any]
) -> None:
    async with Wire(where(node)) as sender, Wire(where(node)) as receiver:
        await sender.say(type="sender")
        await receiver.say(type="receiver")
        await receiver.say(**message)
        assert (await receiver.heard("error"))["code"] == 400
        await receiver.say(type="createAnswer", sdp=ANSWER)
        await sender.heard("createAnswer")
        assert len(sender.messages) == 1
