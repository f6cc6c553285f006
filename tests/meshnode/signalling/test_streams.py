"""The registry against the real forwarding table, over any sequence of events."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from meshnode.signalling.entries import entry
from meshnode.signalling.members import (
    Leg,
    MemberState,
    Publisher,
    Track,
    Viewer,
    of_kind,
)
from meshnode.signalling.problems import Refused
from meshnode.signalling.stream import StreamState, stream_name
from meshnode.signalling.streams import (
    LINGER_S,
    SILENCE_S,
    WAITING_S,
    StreamLimits,
    Streams,
)
from meshproto.errors import LimitError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.table import AddProducer, TransportKind
from meshproto.ids import TransportId
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp.play import PlayTrack

CODECS = {
    "vp8": Codec(96, "vp8", 90000),
    "h264": Codec(97, "h264", 90000),
    "opus": Codec(111, "opus", 48000, 2),
}
LIMITS = StreamLimits(streams=3, viewers_per_stream=4, sessions_per_address=100)


class World:
    """A registry on a real forwarding table, with a clock that is turned by hand."""

    def __init__(self, limits: StreamLimits = LIMITS) -> None:
        self.now = 100.0
        self.forwarder = Forwarder(ForwardingConfig(), random.Random(1))
        self.happened: list[object] = []
        self.streams = Streams(
            self.program, lambda: self.now, self.happened.append, limits
        )
        self.transports = 0

    def program(self, deltas) -> None:
        for delta in deltas:
            self.forwarder.program(delta, self.now)

    def transport(self) -> TransportId:
        self.transports += 1
        found = TransportId(self.transports)
        self.forwarder.add_transport(found, TransportKind.LOCAL)
        return found

    def hang_up(self, member, reason: str) -> None:
        self.forwarder.remove_transport(member.transport)
        self.streams.closed(member, reason)

    def publish(self, name="demo", codecs=("vp8", "opus"), owner="") -> Publisher:
        self.streams.claim(name, owner, "")
        tracks = tuple(
            Track(
                self.streams.directory.new_producer(),
                MediaKind.AUDIO if codec == "opus" else MediaKind.VIDEO,
                str(place),
                (CODECS[codec],),
            )
            for place, codec in enumerate(codecs)
        )
        member = Publisher(
            self.streams.directory.new_number(),
            "test",
            name,
            self.transport(),
            lambda reason: self.hang_up(member, reason),
            self.now,
            owner=owner,
            tracks=tracks,
        )
        self.program(
            AddProducer(t.producer, member.transport, t.kind, t.mid, t.codecs)
            for t in tracks
        )
        self.streams.publish(member)
        return member

    def watch(self, name="demo") -> Viewer:
        stream = self.streams.audience(name, "")
        transport = self.transport()
        legs = tuple(
            Leg(
                entry(
                    self.streams.directory.new_consumer(),
                    transport,
                    PlayTrack(t.mid, t.kind, t.codecs, (), 1000 + place, None),
                ),
                0,
            )
            for place, t in enumerate(stream.tracks)
        )
        member = Viewer(
            self.streams.directory.new_number(),
            "test",
            name,
            transport,
            lambda reason: self.hang_up(member, reason),
            self.now,
            legs=legs,
        )
        if stream.publisher is not None:
            self.program(leg.follow(of_kind(stream.tracks, leg)) for leg in member.legs)
        self.streams.watch(member)
        return member

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.streams.handle_timeout()


class AnySequence(RuleBasedStateMachine):
    """Publishers and viewers come, connect, go and return, in any order."""

    publishers: Bundle = Bundle("publishers")
    viewers: Bundle = Bundle("viewers")
    names = st.sampled_from(["one", "two", "three", "four"])

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.readers: list[object] = []

    @rule(
        target=publishers,
        name=names,
        owner=st.sampled_from(["", "a", "b"]),
        codecs=st.sampled_from(
            [("vp8", "opus"), ("opus", "vp8"), ("h264",), ("opus",), ("h264", "opus")]
        ),
    )
    def publish(self, name, owner, codecs):
        try:
            return self.world.publish(name, codecs, owner)
        except (Refused, LimitError):
            return None

    @rule(target=viewers, name=names, listens=st.booleans())
    def watch(self, name, listens):
        try:
            viewer = self.world.watch(name)
        except (Refused, LimitError):
            return None
        if listens:
            self.readers.append(viewer.feeds.reader())
        return viewer

    @rule(member=st.one_of(publishers, viewers))
    def connect(self, member):
        if member is not None:
            self.world.streams.connected(member)

    @rule(member=st.one_of(publishers, viewers))
    def leave(self, member):
        if member is not None:
            member.hang_up("left")

    @rule(member=publishers, packets=st.integers(0, 100))
    def hear(self, member, packets):
        if member is not None:
            self.world.streams.heard(member, packets)

    @rule(seconds=st.sampled_from([0.5, 3.0, LINGER_S, WAITING_S]))
    def wait(self, seconds):
        self.world.wait(seconds)

    @rule(name=names)
    def end(self, name):
        self.world.streams.end(name, "ended")

    @invariant()
    def legs_follow_the_tracks_of_their_stream(self):
        for stream in self.world.streams:
            producers = {track.producer for track in stream.tracks}
            for viewer in stream.viewers.values():
                for leg in viewer.legs:
                    if leg.entered and of_kind(stream.tracks, leg) is not None:
                        assert leg.entry.producer in producers

    @invariant()
    def members_and_table_agree(self):
        members = list(self.world.streams.directory)
        state = self.world.forwarder._state
        assert set(state.transports) == {member.transport for member in members}
        assert all(member.state is not MemberState.CLOSED for member in members)
        for stream in self.world.streams:
            for member in (stream.publisher, stream.successor):
                assert member is None or member in members
            assert all(viewer in members for viewer in stream.viewers.values())

    @invariant()
    def bounds_hold(self):
        streams = list(self.world.streams)
        assert len(streams) <= LIMITS.streams
        for stream in streams:
            assert len(stream.viewers) <= LIMITS.viewers_per_stream

    def teardown(self):
        for member in list(self.world.streams.directory):
            member.hang_up("over")
        self.world.wait(LINGER_S + WAITING_S)
        assert list(self.world.streams) == []
        assert self.world.forwarder._state.transports == {}
        assert self.world.forwarder._state.consumers == {}


AnySequence.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
TestAnySequence = AnySequence.TestCase


@pytest.fixture
def world() -> World:
    return World()


def refused(call) -> Refused:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value


def test_an_anonymous_publisher_is_safe_while_it_is_heard(world) -> None:
    first = world.publish()
    world.streams.connected(first)
    for second in range(20):
        world.wait(1.0)
        world.streams.heard(first, second + 1)
        said = refused(world.publish)
        assert said.status == 409
        assert said.headers["Retry-After"] == str(int(SILENCE_S))
    world.wait(SILENCE_S)
    assert world.publish() is not first
    assert first.state is MemberState.CLOSED


def test_a_handover_that_never_connects_changes_nothing(world) -> None:
    first = world.publish(owner="k")
    world.streams.connected(first)
    viewer = world.watch()
    second = world.publish(owner="k")
    stream = world.streams.get("demo")
    assert (stream.publisher, stream.successor) == (first, second)
    second.hang_up("not connected")
    assert (stream.publisher, stream.successor) == (first, None)
    assert viewer.legs[0].entry.producer == first.tracks[0].producer


def test_a_handover_moves_every_viewer_when_it_connects(world) -> None:
    first = world.publish(owner="k")
    world.streams.connected(first)
    viewers = [world.watch() for _ in range(3)]
    second = world.publish(owner="k")
    world.streams.connected(second)
    assert first.state is MemberState.CLOSED
    for viewer in viewers:
        followed = [leg.entry.producer for leg in viewer.legs]
        assert followed == [track.producer for track in second.tracks]


def test_the_successor_steps_in_when_the_publisher_goes_first(world) -> None:
    first = world.publish(owner="k")
    world.streams.connected(first)
    second = world.publish(owner="k")
    first.hang_up("crashed")
    assert world.streams.get("demo").publisher is second


def test_of_three_handovers_the_last_one_counts(world) -> None:
    first = world.publish(owner="k")
    world.streams.connected(first)
    second, third = world.publish(owner="k"), world.publish(owner="k")
    assert second.state is MemberState.CLOSED
    world.streams.connected(third)
    assert world.streams.get("demo").publisher is third


def test_tracks_are_matched_by_kind_and_place(world) -> None:
    first = world.publish(codecs=("vp8", "opus"))
    viewer = world.watch()
    first.hang_up("left")
    second = world.publish(codecs=("opus", "vp8"))
    producers = {leg.kind: leg.entry.producer for leg in viewer.legs}
    assert producers == {track.kind: track.producer for track in second.tracks}


def test_a_track_that_does_not_return_leaves_its_leg_silent(world) -> None:
    first = world.publish(codecs=("vp8", "opus"))
    viewer = world.watch()
    first.hang_up("left")
    second = world.publish(codecs=("opus",))
    video, audio = viewer.legs
    assert audio.entry.producer == second.tracks[0].producer
    assert viewer.state is not MemberState.CLOSED
    assert video.entry.producer == first.tracks[0].producer


def test_another_owner_waits_out_the_linger(world) -> None:
    first = world.publish(owner="k")
    first.hang_up("left")
    assert refused(lambda: world.publish(owner="other")).status == 409
    assert refused(world.publish).status == 409
    world.wait(LINGER_S)
    assert world.publish(owner="other")


def test_a_stream_goes_through_its_states(world) -> None:
    publisher = world.publish()
    stream = world.streams.get("demo")
    assert stream.state is StreamState.CONNECTING
    world.streams.connected(publisher)
    assert stream.state is StreamState.LIVE
    viewer = world.watch()
    reader = viewer.feeds.reader()
    publisher.hang_up("left")
    assert stream.state is StreamState.LINGERING
    world.wait(LINGER_S)
    assert stream.state is StreamState.ENDED
    assert not reader.closed
    world.wait(WAITING_S)
    assert world.streams.get("demo") is None
    assert viewer.state is MemberState.CLOSED


@pytest.mark.parametrize("name", ["a", "A-z_0.9~", "x" * 128, "...", "a..b"])
def test_names_of_streams(name) -> None:
    assert stream_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 129, "a b", "a/b", "ä", "a\n"])
def test_what_is_no_name_of_a_stream(name) -> None:
    assert refused(lambda: stream_name(name)).status == 400
