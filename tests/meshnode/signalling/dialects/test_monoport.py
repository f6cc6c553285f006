"""The monoport dialect: its messages, and what ended the original's process."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import socket
from typing import Any

import aiohttp
import pytest

from meshproto.wire import stun, stun_attributes
from support.dialects.monoport import MonoportClient
from support.dialects.sfu_go import SfuGoClient
from support.dialects.shades import Eyes
from support.dialects.sockets import Wire
from support.rtc import Viewer, until

SHADES = (40, 120)


@pytest.fixture
async def node(start: Any) -> Any:
    return await start(dialects="monoport=:0")


def where(node: Any) -> str:
    return str(node.node.urls["monoport"])


def published(node: Any) -> set[str]:
    """Streams with media."""
    return {stream.name for stream in node.streams() if stream.tracks}


async def test_two_peers_see_each_other(node: Any) -> None:
    one = MonoportClient(where(node), "one", SHADES[0], *SHADES, sound=True)
    two = MonoportClient(where(node), "two", SHADES[1], *SHADES)
    async with one, two:
        await until(lambda: one.eyes.sees(120) and two.eyes.sees(40), "each other")
        await until(lambda: two.eyes.heard, "the sound")
        assert one.of("offer"), "the first to come is offered the second's track"
        names = {stream.name for stream in node.node.streams()}
        assert {name.rpartition("~")[0] for name in names} == {
            *("monoport", "monoport~one", "monoport~two")
        }
    gauges = node.node.status
    await until(lambda: gauges().gauges["consumers"] == 0, "no leg is left")
    await until(lambda: gauges().gauges["producers"] == 0, "no track is left")


async def test_what_a_peer_sends_can_be_watched_by_whep(node: Any) -> None:
    url = f"{node.node.urls['whep']}monoport~one~v0"
    async with MonoportClient(where(node), "one", 40, *SHADES) as one:
        await one.heard("answer")
        async with Viewer(url, "video") as viewer:
            await viewer.sees(5)


async def test_who_joins_the_room_by_another_door_meets_them(node: Any) -> None:
    one = MonoportClient(where(node), "one", 40, *SHADES)
    ann = SfuGoClient(node.base, "ann")
    async with one, ann:
        await ann.join("monoport")
        await until(lambda: ann.frames["video"] >= 5, "ann sees one")
        await until(lambda: one.eyes.seen, "one sees ann")
        assert list(ann.peers.values()) == ["one"]


async def test_a_node_that_drains_lets_its_guests_go(node: Any) -> None:
    async with MonoportClient(where(node), "one", 40, *SHADES) as one:
        await one.heard("stun-candidate")
        await node.node.drain()
        assert node.node.status().gauges["transports"] == 0
        await one.say(type="join-room", peerId="one")
        assert (await one.heard("error"))["code"] == 503


async def test_sockets_that_nobody_joins_by_are_bounded(start: Any) -> None:
    node = await start({"members_per_room": 1}, dialects="monoport=:0")
    async with Wire(where(node)), Wire(where(node)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await Wire(where(node)).connect()
        assert refused.value.status == 503


async def test_the_listener_says_ok(node: Any) -> None:
    url = where(node).replace("ws:", "http:").replace("/sdp", "/")
    got = await node.ask("GET", url)
    assert (got.status, await got.text()) == (200, "OK")


async def test_candidates_are_told_as_in_the_original(node: Any) -> None:
    async with MonoportClient(where(node), "one", 40, *SHADES) as one:
        told = await one.heard("candidate")
        assert json.loads(told["candidate"])["candidate"].startswith("candidate:")
        seen = json.loads((await one.heard("stun-candidate"))["stunCandidate"])
        found = re.fullmatch(
            r"candidate:\S+ 1 udp (\d+) (\S+) (\d+) typ srflx raddr \S+ rport \d+",
            seen["candidate"],
        )
        assert found is not None
        assert int(found[1]) >> 24 == 100
        assert (seen["sdpMid"], seen["sdpMLineIndex"]) == ("0", 0)
        local = one.eyes.pc.getSenders()[0].transport.transport
        nominated = local._connection._nominated
        await until(lambda: 1 in nominated, "a pair")
        pair = nominated[1]
        assert int(found[3]) == pair.local_candidate.port


def strangers_checks(ufrag: str, port: int) -> list[int]:
    """Checks as somebody makes them who does not know the password; the error codes."""
    username = stun_attributes.pack(stun_attributes.USERNAME, f"{ufrag}:abcd".encode())
    codes = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(20)
        for _ in range(20):
            request = stun.encode(1, secrets.token_bytes(12), username, key=b"guessed")
            stranger.sendto(request, ("127.0.0.1", port))
            reply = stun.decode(stranger.recv(2048))
            error = reply.attributes[stun_attributes.ERROR_CODE]
            codes.append(stun_attributes.decode_error(error)[0])
    return codes


async def test_checks_of_strangers_are_told_nobody_and_end_nothing(node: Any) -> None:
    """The original ends its process at an unknown ufrag, and checks no integrity."""
    wire = Wire(where(node))
    eyes = Eyes()
    eyes.send(40)
    async with wire:
        await wire.say(type="join-room", peerId="one")
        offer = await eyes.offer()
        await wire.say(type="offer", peerId="one", sdp=offer["sdp"])
        answer = (await wire.heard("answer"))["sdp"]
        ufrag = re.findall(r"a=ice-ufrag:(\S+)", answer)[0]
        port = node.node.addresses[0][1]
        for name in ("unknown", ufrag):
            codes = await asyncio.to_thread(strangers_checks, name, port)
            assert codes == [401] * 20
        await wire.say(type="offer", peerId="one", sdp=offer["sdp"])
        await wire.heard("answer", 2)
        assert not wire.of("stun-candidate")
    await eyes.close()
    async with MonoportClient(where(node), "two", 40, *SHADES) as two:
        await two.heard("stun-candidate")


async def test_an_offer_without_join_room_is_answered(node: Any) -> None:
    """The original ends its process here, too."""
    eyes = Eyes()
    eyes.send(40)
    async with Wire(where(node)) as wire:
        await wire.say(type="offer", peerId="new", sdp=(await eyes.offer())["sdp"])
        assert "a=candidate:" in (await wire.heard("answer"))["sdp"]
    await eyes.close()


async def test_candidates_before_the_offer_hold_nothing_up(node: Any) -> None:
    """The original puts them back at the head of its queue, for ever."""
    eyes = Eyes()
    eyes.send(40)
    async with Wire(where(node)) as wire:
        init = {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0"}
        await wire.say(type="join-room", peerId="one")
        for _ in range(10):
            await wire.say(
                type="ice-candidate", peerId="one", candidate=json.dumps(init)
            )
        await wire.say(type="offer", peerId="one", sdp=(await eyes.offer())["sdp"])
        await wire.heard("answer")
        assert not wire.of("error")
    await eyes.close()


async def test_a_socket_that_broke_stops_nobodys_signalling(node: Any) -> None:
    """In the original one failed write ends signalling for all."""
    broken = MonoportClient(where(node), "broken", 40, *SHADES)
    one = MonoportClient(where(node), "one", 40, *SHADES)
    async with broken, one:
        assert broken._socket is not None
        response: Any = broken._socket._response
        response.connection.transport.abort()
        async with MonoportClient(where(node), "two", 120, *SHADES):
            await until(lambda: one.eyes.sees(120), "the newcomer")


async def test_an_id_belongs_to_the_socket_that_said_it(node: Any) -> None:
    async with Wire(where(node)) as mine, Wire(where(node)) as other:
        await mine.say(type="join-room", peerId="one")
        await mine.say(type="join-room", peerId="one")
        await mine.say(type="offer", peerId="two", sdp="v=0")
        assert (await mine.heard("error"))["code"] == 403
        await other.say(type="join-room", peerId="one")
        refused = await other.heard("error")
        assert refused["code"] == 409
        assert "one is in this room" in refused["message"]
        await mine.hang_up()
        eyes = Eyes()
        eyes.send(40)
        sdp = (await eyes.offer())["sdp"]
        for _ in range(100):
            await other.say(type="offer", peerId="one", sdp=sdp)
            count = len(other.messages)
            await until(lambda count=count: len(other.messages) > count, "a reply")
            if other.of("answer"):
                break
        assert other.of("answer"), "a place that is free can be taken"
        await eyes.close()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "offer", "sdp": "v=0"}, 400),
        ({"type": "offer", "peerId": "one"}, 400),
        ({"type": "offer", "peerId": "one", "sdp": "nonsense"}, 400),
        ({"type": "offer", "peerId": "x" * 101, "sdp": "v=0"}, 400),
        ({"type": "join-room", "peerId": "no/slash"}, 400),
        ({"type": "join-room"}, 400),
        ({"type": "answer", "peerId": "one"}, 400),
        ({"type": "ice-candidate", "peerId": "one", "candidate": "{"}, 400),
        (
            {"type": "ice-candidate", "peerId": "one", "candidate": '{"candidate":1}'},
            400,
        ),
        ({"type": 5}, 400),
    ],
)
async def test_mistakes_are_told_and_the_socket_goes_on(
    node: Any, message: dict[str, Any], code: int
) -> None:
    async with Wire(where(node)) as wire:
        await wire.say(**message)
        assert (await wire.heard("error"))["code"] == code
        await wire.say(type="unheard-of")  # passed over, as in the original
        await wire.say(**message)
        await wire.heard("error", 2)
        assert not wire.over


async def test_who_may_publish_is_decided_as_everywhere(start: Any) -> None:
    node = await start(dialects="monoport=:0", publish_key="secret")
    eyes = Eyes()
    eyes.send(40)
    sdp = (await eyes.offer())["sdp"]
    async with Wire(where(node)) as wire:
        await wire.say(type="offer", peerId="one", sdp=sdp)
        assert "a=inactive" in (await wire.heard("answer"))["sdp"]
        assert (await wire.heard("error"))["code"] == 401
    async with Wire(f"{where(node)}?access_token=secret") as wire:
        await wire.say(type="offer", peerId="two", sdp=sdp)
        assert "a=inactive" not in (await wire.heard("answer"))["sdp"]
        await until(lambda: published(node.node), "the stream")
    await eyes.close()


async def test_a_page_of_another_site_may_watch_and_not_publish(node: Any) -> None:
    eyes = Eyes()
    eyes.send(40)
    sdp = (await eyes.offer())["sdp"]
    async with Wire(where(node), Origin="https://elsewhere.example") as wire:
        await wire.say(type="offer", peerId="one", sdp=sdp)
        assert (await wire.heard("error"))["code"] == 403
    await eyes.close()
    assert published(node.node) == set()


async def test_other_names_of_the_host_are_refused(node: Any) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await Wire(where(node), Host="rebound.example").connect()
    assert refused.value.status == 403


async def test_a_full_lobby_says_which_limit(start: Any) -> None:
    node = await start({"members_per_room": 1}, dialects="monoport=:0")
    async with Wire(where(node)) as one, Wire(where(node)) as two:
        await one.say(type="join-room", peerId="one")
        await one.say(type="join-room")
        await one.heard("error")
        await two.say(type="join-room", peerId="two")
        full = await two.heard("error")
        assert full["code"] == 503
        assert "members_per_room=1" in full["message"]
