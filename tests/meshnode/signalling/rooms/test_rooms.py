"""Rooms of one node: who gets what, when they end, and what they are bounded by."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from meshnode.signalling.rooms import rooms as rules
from meshnode.signalling.rooms.rooms import Rooms
from meshproto.wire.parameters import MediaKind
from support.dialects.sfu_go import SfuGoClient
from support.rtc import until


def rooms(client) -> Rooms:
    return client.node._parts.rooms


async def members(stack: AsyncExitStack, client, *users: str) -> list[SfuGoClient]:
    found = []
    for user in users:
        one = await stack.enter_async_context(SfuGoClient(client.base, user))
        await one.join("green")
        found.append(one)
    return found


class Unseen:
    """Whether no picture came while many sounds did; what was under way may come."""

    def __init__(self, member: SfuGoClient) -> None:
        self._member = member
        self._before = self._now()

    def _now(self) -> tuple[int, int]:
        return self._member.frames["video"], self._member.frames["audio"]

    def __call__(self) -> bool:
        seen, heard = self._now()
        if seen != self._before[0]:
            self._before = seen, heard
        return heard - self._before[1] > 25


def gets(client, user: str, kind: MediaKind) -> set[str]:
    """Whose tracks of that kind a member gets."""
    room = rooms(client).get("green")
    peers = {seat.who.peer: seat.who.user for seat in room.seats.values()}
    outlets = room.seats[user].gets.playing.values()
    return {peers[o.source.stream_id] for o in outlets if o.source.kind is kind}


async def test_the_last_n_speakers_are_seen_and_all_are_heard(client) -> None:
    async with AsyncExitStack() as stack:
        ann, ben, cyd = await members(stack, client, "ann", "ben", "cyd")
        await until(lambda: cyd.tracks_played() == 4, "both of both")
        room = rooms(client).get("green")
        for speaker in (ben, ann, ben):
            room.speaking(speaker.joined["peerId"])
            await cyd.send("last-n", {"lastN": 1})
            await until(
                lambda s=speaker: gets(client, "cyd", MediaKind.VIDEO) == {s.user},
                "who spoke last",
            )
            assert gets(client, "cyd", MediaKind.AUDIO) == {"ann", "ben"}
        await cyd.send("last-n", {"lastN": None})
        await until(
            lambda: gets(client, "cyd", MediaKind.VIDEO) == {"ann", "ben"}, "all again"
        )


async def test_a_member_gets_what_it_subscribes_to(client) -> None:
    async with AsyncExitStack() as stack:
        ann, _, cyd = await members(stack, client, "ann", "ben", "cyd")
        await until(lambda: cyd.tracks_played() == 4, "both of both")
        peer = ann.joined["peerId"]
        await cyd.send("unsubscribe", {"peerId": peer})
        assert (await cyd.expect("subscription-ack"))["subscribed"] is False
        await until(lambda: gets(client, "cyd", MediaKind.VIDEO) == {"ben"}, "no ann")
        await cyd.send("subscribe", {"trackId": f"{peer}-a0"})
        await cyd.send("unsubscribe", {})
        await until(
            lambda: (
                gets(client, "cyd", MediaKind.VIDEO) == set()
                and gets(client, "cyd", MediaKind.AUDIO) <= {"ann"}
            ),
            "nothing by default",
        )
        await cyd.send("subscribe", {"trackId": f"{peer}-a0"})
        await until(
            lambda: gets(client, "cyd", MediaKind.AUDIO) == {"ann"}, "her voice"
        )
        assert gets(client, "cyd", MediaKind.VIDEO) == set()


async def test_a_picture_that_nobody_sees_does_not_come(client) -> None:
    async with AsyncExitStack() as stack:
        ann, ben = await members(stack, client, "ann", "ben")
        await until(lambda: ben.tracks_played() == 2, "ben gets ann")
        seat = rooms(client).get("green").seats["ben"]
        track = f"{ann.joined['peerId']}-v0"
        unseen = {"trackId": track, "width": 0, "height": 0}
        sections = len(seat.connection.sections)
        for _ in range(3):
            await ben.send("show", {"tracks": [unseen]})
            [name] = [
                n for n, o in seat.gets.playing.items() if o.source.track_id == track
            ]
            await until(lambda n=name: seat.gets.hides(n), "hidden")
            assert not client.node._parts.streams.get(name).viewers
            await until(Unseen(ben), "still heard, and no more seen")
            seen = ben.frames["video"]
            await ben.send("show", {"trackId": track, "width": 640, "height": 360})
            await until(lambda s=seen: ben.frames["video"] > s + 5, "seen again", 40)
        assert len(seat.connection.sections) == sections, "nothing was negotiated"
        assert ben.seen("error") == []


async def test_empty_rooms_go_and_kept_ones_stay(
    client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "EMPTY_S", 0.0)
    rooms(client).create("kept")
    async with SfuGoClient(client.base, "ann") as ann:
        await ann.join("green", media=False)
        rooms(client).tick()
        assert rooms(client).get("green")
        await ann.send("leave")
        await until(lambda: not rooms(client).get("green"), "swept")
    assert rooms(client).get("kept")


async def test_ids_may_be_as_long_as_they_may(client) -> None:
    room, user = "r" * 128, "u" * 128
    async with SfuGoClient(client.base, user) as one:
        await one.join(room)
        seat = rooms(client).get(room).seats[user]
        await until(lambda: len(seat.shown) == 2, "both tracks")
        assert all(len(stream.name) <= 128 for stream in client.node.streams())
    await until(lambda: not client.node.streams(), "all ended", 40)


async def test_a_member_that_leaves_leaves_nothing(client) -> None:
    async with AsyncExitStack() as stack:
        (ann,) = await members(stack, client, "ann")
        plane = client.node._parts.port.plane
        for turn in range(5):
            async with SfuGoClient(client.base, f"guest{turn}") as guest:
                await guest.join("green")
                await until(lambda g=guest: g.tracks_played() == 2, "sees ann")
                await guest.send("leave")
                await ann.expect("peer-left", turn + 1)
        await until(lambda: len(plane.stats()["forwarder"]["producers"]) == 2, "tracks")
        await until(lambda: not plane.stats()["forwarder"]["consumers"], "legs")
        await until(lambda: len(client.node._parts.port.clients) == 1, "transports")
        names = {stream.name for stream in client.node.streams()}
        assert names == {"green~ann", "green~ann~v0", "green~ann~a0"}
