"""A lobby: guests are streams, and everybody follows everybody, within limits."""

from __future__ import annotations

from typing import Any

import pytest

from meshnode import MeshNode, Settings
from meshnode.signalling.lobby import Lobby, Premises, Visit
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
    settings = Settings(port=0, http="127.0.0.1:0", admin="127.0.0.1:0")
    async with MeshNode(settings) as running:
        yield running


@pytest.fixture
def lobby(node: MeshNode) -> Lobby:
    parts = node._parts
    premises = Premises(parts.port, parts.streams, parts.advertiser, parts.clock, 3)
    return Lobby("test", premises)


def visit(address: str = "192.0.2.1", **more: Any) -> Visit:
    return Visit(Entrant(address, here=True), **more)


def gauge(node: MeshNode, name: str) -> float:
    return node.status().gauges[name]


async def test_what_a_guest_sends_is_a_stream_with_the_others_as_viewers(
    node: MeshNode, lobby: Lobby
) -> None:
    voices = [Voice(), Voice()]
    one = lobby.enter("one", voices[0], visit())
    two = lobby.enter("two", voices[1], visit())
    assert node.streams() == ()
    one.offered(offer("sendonly"))
    (stream,) = node.streams()
    assert (stream.name, stream.viewers, len(stream.tracks)) == ("test.one", 1, 2)
    await until(lambda: voices[1].due, "the other one is told")
    assert len(two.connection.carriage.outlets) == 2
    one.leave("enough")
    assert voices[0].reason == "enough"
    assert not two.connection.carriage.outlets
    one.leave("twice")
    assert voices[0].reason == "enough"
    assert gauge(node, "producers") == gauge(node, "transports") == 0
    assert node.streams()[0].publisher is None


async def test_tracks_that_change_are_another_version_of_the_stream(
    node: MeshNode, lobby: Lobby
) -> None:
    one, two = (lobby.enter(name, Voice(), visit()) for name in ("one", "two"))
    both = offer("sendonly")
    one.offered(both)
    before = [outlet.consumer for outlet in two.connection.carriage.outlets]
    head, audio = both.split("m=audio")
    one.offered(head + "m=audio" + audio.replace("a=sendonly", "a=inactive"))
    after = [outlet.consumer for outlet in two.connection.carriage.outlets]
    assert after == before[:1]
    (stream,) = node.streams()
    assert [track.kind for track in stream.tracks] == ["video"]
    assert stream.viewers == 1


async def test_who_may_not_send_is_told_so_and_gets_the_others(
    node: MeshNode, lobby: Lobby
) -> None:
    voice = Voice()
    lobby.enter("one", Voice(), visit()).offered(offer("sendonly"))
    refusal = Refused(401, "show a key")
    two = lobby.enter("two", voice, visit(refusal=refusal))
    answer = two.offered(offer("sendrecv"))
    assert answer is not None
    assert answer.count("a=sendonly") == 2
    assert {stream.name for stream in node.streams()} == {"test.one"}
    two.leave("")
    two = lobby.enter("two", voice, visit(refusal=refusal, plays=False))
    two.offered(offer("sendonly"))
    assert voice.complaints == [(401, "show a key")]


async def test_names_belong_to_who_is_here(lobby: Lobby) -> None:
    one = lobby.enter("one", Voice(), visit())
    with pytest.raises(Refused, match="one is here already"):
        lobby.enter("one", Voice(), visit())
    with pytest.raises(Refused, match="a stream name is"):
        lobby.enter("no/slash", Voice(), visit())
    one.offered(offer("sendonly"))
    one.leave("")
    again = lobby.enter("one", Voice(), visit())
    again.offered(offer("sendonly"))  # at once, though the stream lingers
    assert again.tracks


async def test_limits_are_named(node: MeshNode, lobby: Lobby) -> None:
    for number in range(3):
        lobby.enter(str(number), Voice(), visit())
    with pytest.raises(LimitError, match="dialect_peers=3"):
        lobby.enter("one too many", Voice(), visit())
    lobby.close("over")
    assert len(lobby) == 0
    assert len(node._parts.streams.directory) == 0


async def test_one_address_has_so_many_guests(node: MeshNode) -> None:
    parts = node._parts
    premises = Premises(parts.port, parts.streams, parts.advertiser, parts.clock, 999)
    lobby = Lobby("test", premises)
    for number in range(64):
        lobby.enter(str(number), Voice(), visit())
    with pytest.raises(LimitError, match="sessions_per_address=64"):
        lobby.enter("next", Voice(), visit())
    lobby.enter("elsewhere", Voice(), visit("192.0.2.2"))


async def test_somebody_else_has_the_stream(node: MeshNode, lobby: Lobby) -> None:
    voice = Voice()
    one = lobby.enter("one", voice, visit())
    local = node.publish("test.one", _tracks(), owner="a stranger")
    with local:
        one.offered(offer("sendonly"))
        assert [status for status, _ in voice.complaints] == [409]
        assert one.tracks == ()
        assert node.streams()[0].publisher is not None


async def test_nonsense_changes_nothing(node: MeshNode, lobby: Lobby) -> None:
    one = lobby.enter("one", Voice(), visit())
    with pytest.raises(DecodeError):
        one.offered("nonsense")
    assert gauge(node, "transports") == 0


async def test_the_operator_ends_a_guests_stream_and_the_guest(
    node: MeshNode, lobby: Lobby
) -> None:
    voice = Voice()
    lobby.enter("one", voice, visit()).offered(offer("sendonly"))
    node.end_stream("test.one")
    assert voice.reason == "ended by the operator"
    assert len(lobby) == 0


def _tracks() -> Any:
    from meshnode import LocalTrack
    from meshproto.wire.parameters import Codec, MediaKind

    return [LocalTrack(MediaKind.VIDEO, Codec(96, "vp8", 90000))]
