"""A lobby: guests are members of one room, and get what the others send."""

from __future__ import annotations

from typing import Any

import pytest

from meshnode import Limits, MeshNode, Settings
from meshnode.signalling.lobby import Lobby, Visit
from meshnode.signalling.problems import Refused
from meshnode.signalling.sessions import Entrant
from meshproto.errors import DecodeError, LimitError
from support.offers import offer
from support.rtc import until


class Voice:
    """A speaker that keeps what it was told."""

    def __init__(self) -> None:
        self.due = 0
        self.complaints: list[tuple[int, str]] = []
        self.reason: str | None = None

    def negotiate(self) -> None:
        self.due += 1

    def seen(self, address: tuple[str, int]) -> None:
        raise AssertionError(f"nobody connects here: {address}")

    def complain(self, status: int, detail: str) -> None:
        self.complaints.append((status, detail))

    def left(self, reason: str) -> None:
        self.reason = reason


@pytest.fixture
async def node() -> Any:
    settings = Settings(
        port=0,
        http="127.0.0.1:0",
        admin="127.0.0.1:0",
        limits=Limits(members_per_room=3, sessions_per_address=5),
    )
    async with MeshNode(settings) as running:
        yield running


@pytest.fixture
async def lobby(node: MeshNode) -> Lobby:
    return Lobby("test", node._parts.rooms)


def visit(address: str = "192.0.2.1", **more: Any) -> Visit:
    return Visit(Entrant(address, here=True), **more)


def gauge(node: MeshNode, name: str) -> float:
    return node.status().gauges[name]


def published(node: MeshNode) -> set[str]:
    """Streams with media."""
    found = [s for s in node.streams() if s.tracks and s.publisher is not None]
    return {stream.name for stream in found}


async def test_what_a_guest_sends_comes_to_the_others(
    node: MeshNode, lobby: Lobby
) -> None:
    voices = [Voice(), Voice()]
    one = lobby.enter("one", voices[0], visit())
    two = lobby.enter("two", voices[1], visit())
    assert len(lobby) == 2
    one.offered(offer("sendonly"))
    assert published(node) == {"test~one~v0", "test~one~a0"}
    await until(lambda: voices[1].due, "the other one is told")
    assert len(two.seat.gets.playing) == 2
    one.leave("enough")
    one.leave("twice")
    assert voices[0].reason == "enough"
    await until(lambda: not two.seat.gets.playing, "nothing is left to get")
    assert gauge(node, "producers") == gauge(node, "transports") == 0


async def test_a_guest_that_does_not_play_gets_nothing(
    node: MeshNode, lobby: Lobby
) -> None:
    voice, other = Voice(), Voice()
    sender = lobby.enter("sender", voice, visit(plays=False))
    lobby.enter("two", other, visit())
    lobby.enter("three", Voice(), visit()).offered(offer("sendonly"))
    await until(lambda: other.due, "the other one is told")
    assert not sender.seat.gets.playing
    assert voice.due == 0


async def test_who_may_not_send_is_told_so_and_gets_the_others(
    node: MeshNode, lobby: Lobby
) -> None:
    voice = Voice()
    lobby.enter("one", Voice(), visit()).offered(offer("sendonly"))
    refusal = Refused(401, "show a key")
    two = lobby.enter("two", voice, visit(refusal=refusal))
    await until(lambda: two.seat.gets.playing, "the other's tracks")
    answer = two.offered(offer("sendrecv"))
    assert answer is not None
    assert answer.count("a=sendonly") == 2
    assert published(node) == {"test~one~v0", "test~one~a0"}
    two.leave("")
    two = lobby.enter("two", voice, visit(refusal=refusal, plays=False))
    two.offered(offer("sendonly"))
    assert voice.complaints == [(401, "show a key")]


async def test_where_rooms_are_open_nobody_needs_a_key(node: MeshNode) -> None:
    lobby = Lobby("test", node._parts.rooms, is_open=True)
    voice = Voice()
    lobby.enter("one", voice, visit(refusal=Refused(401, "show a key"))).offered(
        offer("sendonly")
    )
    assert published(node) == {"test~one~v0", "test~one~a0"}
    assert voice.complaints == []


async def test_names_belong_to_who_is_here(lobby: Lobby) -> None:
    one = lobby.enter("one", Voice(), visit())
    with pytest.raises(Refused, match="one is in this room"):
        lobby.enter("one", Voice(), visit())
    with pytest.raises(Refused, match="the name of a guest must be 1 to 128"):
        lobby.enter("no/slash", Voice(), visit())
    one.offered(offer("sendonly"))
    one.leave("")
    again = lobby.enter("one", Voice(), visit())
    again.offered(offer("sendonly"))
    assert again.seat.shown


async def test_limits_are_named(node: MeshNode, lobby: Lobby) -> None:
    guests = [lobby.enter(str(number), Voice(), visit()) for number in range(3)]
    with pytest.raises(LimitError, match="members_per_room=3"):
        lobby.enter("one-too-many", Voice(), visit())
    for guest in guests:
        guest.leave("over")
    assert len(lobby) == 0
    assert len(node._parts.streams.directory) == 0


async def test_one_address_has_so_many_guests(node: MeshNode) -> None:
    lobbies = [Lobby(door, node._parts.rooms) for door in ("one", "two")]
    for number in range(5):
        lobbies[number % 2].enter(str(number), Voice(), visit())
    with pytest.raises(LimitError, match="sessions_per_address=5"):
        lobbies[1].enter("next", Voice(), visit())
    lobbies[1].enter("elsewhere", Voice(), visit("192.0.2.2"))


async def test_nonsense_changes_nothing(node: MeshNode, lobby: Lobby) -> None:
    one = lobby.enter("one", Voice(), visit())
    with pytest.raises(DecodeError):
        one.offered("nonsense")
    assert gauge(node, "transports") == 0


async def test_a_member_that_is_thrown_out_is_told_once(
    node: MeshNode, lobby: Lobby
) -> None:
    voice = Voice()
    one = lobby.enter("one", voice, visit())
    one.offered(offer("sendonly"))
    node._parts.rooms.remove(one.seat, "thrown out")
    assert voice.reason == "thrown out"
    one.leave("afterwards")
    assert voice.reason == "thrown out"
    assert len(lobby) == 0
