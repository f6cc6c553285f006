"""sfu-go's own kind of client, end to end with decoded media, and its error cases."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from aiohttp import WSCloseCode

from meshnode.signalling.dialects import sfu_go
from support.dialects.sfu_go import SfuGoClient
from support.rtc import until


def member(client, user: str, **more) -> SfuGoClient:
    return SfuGoClient(client.base, user, user.title(), **more)


async def error(one: SfuGoClient, code: int, count: int = 1) -> str:
    data = await one.expect("error", count)
    assert data["code"] == code, data
    return str(data["message"])


async def test_three_members_see_and_hear_each_other(client) -> None:
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("green")
        assert ann.joined["success"]
        assert ann.joined["roomId"] == "green"
        assert not ann.joined["resumed"]
        await ben.join("green")
        await until(lambda: ann.frames["video"] > 10, "ann sees ben")
        await until(lambda: ben.frames["video"] > 10, "ben sees ann")
        assert list(ann.peers.values()) == ["Ben"]
        assert list(ben.peers.values()) == ["Ann"]
        async with member(client, "cyd") as cyd:
            await cyd.join("green")
            for one in (ann, ben, cyd):
                await until(lambda one=one: one.tracks_played() == 4, f"{one.user}: 4")
        await until(lambda: list(ann.peers.values()) == ["Ben"], "cyd left", 40)


async def test_a_pool_that_is_too_small_grows(client) -> None:
    async with member(client, "ann", pool=0) as ann, member(client, "ben") as ben:
        await ann.join("green")
        async with member(client, "cyd") as cyd:
            await ben.join("green")
            await cyd.join("green")
            await until(lambda: ann.tracks_played() == 4, "two of each")
        assert {data["reason"] for data in ann.seen("renegotiate")} <= {
            "track_change",
            "scheduled",
        }
        assert ann.seen("error") == []


async def test_data_may_be_a_string_that_holds_an_object(client) -> None:
    async with member(client, "ann") as ann:
        ann.double_encoded = True
        await ann.join("green", media=False)
        assert ann.joined["peerId"]


async def test_leaving_and_coming_back(client) -> None:
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("green", media=False)
        await ben.join("green", media=False)
        await ann.expect("peer-joined")
        await ben.send("leave")
        left = await ann.expect("peer-left")
        assert left["peerId"] == ben.joined["peerId"]
        await ben.send("offer", {"sdp": "v=0", "type": "offer"})
        assert await error(ben, 404)
        await ben.join("green", media=False)
        assert (await ann.expect("peer-joined", 2))["userId"] == "ben"


async def test_a_socket_without_a_member_is_closed_after_a_while(
    client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sfu_go, "JOIN_S", 0.5)
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("green", media=False)
        async with member(client, "cyd") as cyd:
            await until(lambda: cyd.closed, "who does not join", 40)
            assert "nobody joined" in await error(cyd, 400)
            assert cyd.closed[0] == WSCloseCode.POLICY_VIOLATION
        await until(lambda: ben.closed, "nor this one")
        assert ann.closed is None
        await ann.send("leave")
        await until(lambda: ann.closed, "who left and does not come back", 40)
    async with member(client, "dan") as dan:
        await dan.join("green", media=False)
        rooms = client.node._parts.rooms
        rooms.remove(rooms.get("green").seats["dan"], "removed by a moderator")
        await until(lambda: dan.closed, "who was removed", 40)


async def test_a_user_id_that_is_taken_needs_its_token(client) -> None:
    async with member(client, "ann") as ann, member(client, "ann") as thief:
        await ann.join("green")
        await thief.send("join", {"roomId": "green", "userId": "ann", "name": "x"})
        assert "token" in await error(thief, 400)
        await thief.send(
            "join",
            {
                "roomId": "green",
                "userId": "ann",
                "name": "x",
                "sessionToken": ann.joined["sessionToken"][:-4] + "AAAA",
            },
        )
        await error(thief, 400, 2)
        assert thief.seen("join") == []


async def test_a_session_is_resumed_by_its_token_once(client) -> None:
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("green")
        await ben.join("green")
        await until(lambda: ben.frames["video"] > 10, "ben sees ann")
        before = dict(ann.joined)
        await ann.drop_socket()
        await ann.connect()
        await ann.join("green", sessionToken=before["sessionToken"])
        assert ann.joined["resumed"]
        assert ann.joined["peerId"] == before["peerId"]
        assert ann.joined["sessionToken"] != before["sessionToken"]
        seen = ben.frames["video"]
        await until(lambda: ben.frames["video"] > seen + 10, "ben goes on")
        assert ben.seen("peer-left") == []
        async with member(client, "ann") as replay:
            await replay.send(
                "join",
                {
                    "roomId": "green",
                    "userId": "ann",
                    "name": "",
                    "sessionToken": before["sessionToken"],
                },
            )
            await error(replay, 400)
            await replay.send(
                "join",
                {
                    "roomId": "blue",
                    "userId": "ann",
                    "sessionToken": ann.joined["sessionToken"],
                },
            )
            joined = await replay.expect("join")
            assert not joined["resumed"], "a token is of one room"


async def test_an_ice_restart_is_offered(client) -> None:
    async with member(client, "ann") as ann:
        await ann.join("green", media=False)
        await ann.send("ice-restart-request", {})
        await error(ann, 404)
        await ann.begin()
        ann._negotiating = True  # aiortc does not restart; the offer is what counts
        await ann.send("ice-restart-request", {})
        offer = await ann.expect("ice-restart-offer")
        assert offer["type"] == "offer"
        assert offer["peerId"] == ann.joined["peerId"]
        await ann.send("is-allow-renegotiation")
        assert (await ann.expect("allow-renegotiation"))["allowed"] is False


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 400),
        ("[]", 400),
        ('{"type": 7}', 400),
        ('{"type": "no-such-thing"}', 400),
        ('{"type": "join", "data": "{"}', 400),
        ('{"type": "join", "data": [1]}', 400),
        ('{"type": "join", "data": {}}', 400),
        ('{"type": "join", "data": {"roomId": "a/b"}}', 400),
        ('{"type": "join", "data": {"roomId": "a", "userId": "ben"}}', 400),
        ('{"type": "join", "data": {"roomId": "%s"}}' % ("x" * 129), 400),
        ('{"type": "offer", "data": {"sdp": "v=0"}}', 404),
        ('{"type": "layer-switch", "data": {}}', 404),
    ],
)
async def test_bad_messages_get_the_codes_of_the_table(client, message, code) -> None:
    async with member(client, "ann") as ann:
        await ann.send_text(message)
        await error(ann, code)
        await ann.join("green", media=False)


async def test_messages_of_a_member_that_make_no_sense(client) -> None:
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("green", media=False)
        await ben.join("green", media=False)
        wrong: list[tuple[str, object, int]] = [
            ("join", {"roomId": "blue", "userId": "ann"}, 400),
            ("offer", {"sdp": "v=0"}, 400),
            ("offer", {"sdp": 1}, 400),
            ("offer", {"sdp": "v=0", "peerId": ben.joined["peerId"]}, 400),
            ("answer", {"sdp": 1}, 400),
            ("ice-candidate", {"candidate": "nonsense"}, 400),
            ("layer-switch", {"trackId": "x", "targetRid": "h"}, 404),
            ("set-bandwidth-limit", {"bandwidth": "much"}, 400),
            ("set-bandwidth-limit", {"bandwidth": -1}, 400),
            ("mute", {"peerId": "nobody"}, 404),
            ("kick", {"peerId": "nobody"}, 404),
            ("chat", {"text": ""}, 400),
            ("show", {"trackId": 1, "width": 1, "height": 1}, 400),
            ("show", {"trackId": "x", "width": -1, "height": 1}, 400),
            ("show", {"trackId": "x", "width": 1, "height": 1.5}, 400),
            ("show", {"tracks": "all"}, 400),
            ("show", {"tracks": ["x"]}, 400),
            ("muted", {"kind": "audio", "muted": True}, 404),
            ("muted", {"kind": "audio", "muted": "yes"}, 400),
        ]
        for count, (type_, data, code) in enumerate(wrong, 1):
            await ann.send(type_, data)
            assert await error(ann, code, count), type_
        await ann.send("set-bandwidth-limit", {"bandwidth": 500_000})
        assert (await ann.expect("set-bandwidth-limit")) == {
            "bandwidth": 500_000,
            "success": True,
        }
        assert ben.seen("error") == []


async def test_members_talk_ask_and_remove(client) -> None:
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("green", media=False)
        await ben.join("green", media=False)
        await ann.send("chat", {"text": "hello"})
        said = await ben.expect("chat")
        assert (said["peerId"], said["text"]) == (ann.joined["peerId"], "hello")
        await ann.send("mute", {"peerId": ben.joined["peerId"], "kind": "audio"})
        assert (await ben.expect("mute"))["kind"] == "audio"
        await ann.send("kick", {"peerId": ben.joined["peerId"]})
        assert "moderator" in (await ben.expect("removed"))["reason"]
        assert (await ann.expect("peer-left"))["userId"] == "ben"
        token = ben.joined["sessionToken"]
        await ben.send("leave")
        await error(ben, 404)
        async with member(client, "ben") as again:
            await again.join("green", media=False, sessionToken=token)
            assert not again.joined["resumed"]


async def test_what_others_say_is_never_an_order(client) -> None:
    """A label is the word of a client: it may be called like a message of ours."""
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("green", media=False)
        await ben.join("green", media=False)
        seat = client.node._parts.rooms.get("green").seats["ann"]
        seat.said("removed", "get out")
        seat.said("state", b"\x00\xff")
        assert (await ben.expect("app"))["label"] == "removed"
        assert await ben.expect("app", 2) == {
            "peerId": ann.joined["peerId"],
            "name": "Ann",
            "label": "state",
            "base64": "AP8=",
        }
        assert ben.seen("removed") == []
        assert not seat.left


async def test_who_comes_later_learns_what_is_shown_and_muted(client) -> None:
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("green")
        await until(lambda: len(shown(client, "ann")) == 2, "two tracks")
        source = shown(client, "ann")[0].source
        await ann.send("muted", {"kind": "audio", "source": source, "muted": True})
        await until(lambda: any(s.muted for s in shown(client, "ann")), "muted")
        await ben.join("green", media=False)
        told = await ben.expect("track-published")
        assert told["peerId"] == ann.joined["peerId"]
        assert {t["kind"]: t["muted"] for t in told["tracks"]} == {
            "audio": True,
            "video": False,
        }
        await ann.send("muted", {"kind": "audio", "source": source, "muted": False})
        again = await ben.expect("track-published", 2)
        assert [t["muted"] for t in again["tracks"]] == [False, False]
        assert ann.seen("error") == []


def shown(client, user: str):
    return client.node._parts.rooms.get("green").seats[user].shown


async def flood(one: SfuGoClient) -> None:
    for _ in range(5_000):
        await one.send("pong")
        await asyncio.sleep(0)


async def test_floods_are_answered_and_then_ended(start) -> None:
    client = await start({"socket_messages_per_s": 5, "socket_burst": 10})
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ben.join("green", media=False)
        for _ in range(20):
            await ann.send("pong")
        await error(ann, 429)
        await ben.send("is-allow-renegotiation")
        await ben.expect("allow-renegotiation")
        with pytest.raises((ConnectionError, aiohttp.ClientError)):
            await flood(ann)


async def test_a_frame_that_is_too_large_ends_the_socket(client) -> None:
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ben.join("green", media=False)
        await ann.send_text(json.dumps({"type": "chat", "data": "x" * 600_000}))
        await until(lambda: ann.closed is not None, "closed")
        await ben.send("is-allow-renegotiation")
        await ben.expect("allow-renegotiation")


async def test_rooms_and_their_members_are_bounded(start) -> None:
    client = await start({"rooms": 2, "members_per_room": 1})
    async with member(client, "ann") as ann, member(client, "ben") as ben:
        await ann.join("one", media=False)
        await ben.send("join", {"roomId": "one", "userId": "ben"})
        assert "members_per_room=1" in await error(ben, 429)
        await ben.join("two", media=False)
        answer = await client.ask("POST", "/api/rooms", json={"name": "three"})
        assert answer.status == 503


async def test_without_a_user_there_is_no_socket(client) -> None:
    socket = await client.http.ws_connect(f"{client.base}/ws")
    frame = await socket.receive(20)
    assert frame.type is aiohttp.WSMsgType.CLOSE
    assert frame.extra == "Missing userId"
    assert (await client.ask("GET", "/ws")).status == 400
