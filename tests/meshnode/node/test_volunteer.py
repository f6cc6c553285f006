"""Admission, and what the brain is offered, under an operator's limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshnode import Settings
from meshnode.node.month import Month
from meshnode.node.volunteer import PLEDGE_S, Volunteer
from meshnode.observe.events import EventLog
from meshnode.signalling.members import Layer, Track
from meshnode.signalling.problems import Refused
from meshnode.signalling.stream import Stream
from meshnode.signalling.streams import Streams
from meshproto.errors import LimitError
from meshproto.ids import ProducerId, StreamId, StreamName
from meshproto.node import Ability
from meshproto.wire.parameters import MediaKind
from support.mesh_view import mesh, node

RATE_BPS = 1_000_000
GIVEN = Ability((), copies=8, uplink_bps=20_000_000.0, usual_copies=8)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A volunteer and how its line is used."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.streams = Streams(lambda _: None, self.clock, lambda _: None)
        self.volunteer = Volunteer(
            Settings(**settings), self.streams, EventLog(), self.clock
        )
        self.sent = self.relayed = 0

    def send(
        self, seconds: int, bps: float, relayed_bps: float = 0.0, **how: float
    ) -> None:
        for _ in range(seconds):
            self.clock.now += 1.0
            self.sent += int(bps / 8)
            self.relayed += int(relayed_bps / 8)
            self.volunteer.tick(
                self.sent, self.relayed, how.get("lag_s", 0.0), how.get("cpu", 0.1)
            )

    def stream(self, bps: int = RATE_BPS) -> Stream:
        track = Track(ProducerId(1), MediaKind.VIDEO, "0", (), ())
        track.layers["h"] = Layer("vp8", bitrate_bps=bps)
        track.layers["l"] = Layer("vp8", bitrate_bps=bps // 4)
        return Stream(StreamName("cam"), 0.0, tracks=(track,))


def limit_of(bench: Bench, stream: Stream | None = None) -> str:
    with pytest.raises(LimitError) as error:
        bench.volunteer.viewer(stream)
    return error.value.limit


def test_without_limits_everything_is_offered_and_let_in() -> None:
    bench = Bench()
    bench.send(5, 500_000_000)
    bench.volunteer.viewer(bench.stream())
    assert bench.volunteer.ability(GIVEN) == GIVEN


def test_a_viewer_who_would_not_fit_the_line_is_refused_by_name() -> None:
    bench = Bench(max_upload="3M")
    bench.send(20, 1_500_000)
    bench.volunteer.viewer(bench.stream())
    bench.send(20, 2_500_000)
    assert limit_of(bench, bench.stream()) == "max_upload"


def test_who_was_just_let_in_counts_before_the_meter_shows_it() -> None:
    bench = Bench(max_upload="3M")
    stream = bench.stream()
    for _ in range(3):
        bench.volunteer.viewer(stream)
        bench.volunteer.pledge(stream)
    assert limit_of(bench, stream) == "max_upload"
    bench.clock.now += PLEDGE_S + 0.1
    bench.volunteer.viewer(stream)


def test_other_nodes_are_offered_what_viewers_leave() -> None:
    bench = Bench(max_upload="20M")
    bench.send(30, 10_000_000)
    half = bench.volunteer.ability(GIVEN)
    assert (half.copies, half.uplink_bps) == (4, 10_000_000.0)
    bench.send(30, 10_000_000, relayed_bps=10_000_000)
    assert bench.volunteer.ability(GIVEN) == GIVEN


def test_viewers_are_counted_over_all_streams() -> None:
    assert limit_of(Bench(max_viewers=0)) == "max_viewers"


def test_relays_are_bounded_in_what_is_told() -> None:
    assert Bench(max_relays=3).volunteer.ability(GIVEN).copies == 3


def test_an_overloaded_node_offers_less() -> None:
    bench = Bench()
    bench.send(6, 1_000, lag_s=0.4)
    assert bench.volunteer.load.overloaded
    offered = bench.volunteer.ability(GIVEN)
    assert offered.copies <= GIVEN.copies / 2
    # what it gives when it has its breath again decides whether routes lead through it
    assert offered.usual_copies == GIVEN.copies


def test_a_month_that_is_used_up_ends_giving() -> None:
    bench = Bench(max_upload_month="1M")
    bench.send(10, 8_000_000)
    assert limit_of(bench) == "max_upload_month"
    given = bench.volunteer.ability(GIVEN)
    assert (given.copies, given.uplink_bps) == (0, 0.0)
    assert not bench.volunteer.carries(StreamId(bytes(16)), "cam")


def test_the_month_is_kept_at_the_end(tmp_path: Path) -> None:
    bench = Bench(data=tmp_path)
    bench.send(10, 8_000)
    bench.volunteer.close()
    assert Month(None, tmp_path).octets == 10_000


def test_a_denied_stream_is_refused_at_the_door(tmp_path: Path) -> None:
    (tmp_path / "deny").write_text("stream bad\n")
    bench = Bench(deny=tmp_path / "deny")
    bench.volunteer.stream("good")
    with pytest.raises(Refused, match="does not carry bad"):
        bench.volunteer.stream("bad")


def test_a_list_with_a_mistake_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "deny").write_text("stream bad\n")
    bench = Bench(deny=tmp_path / "deny")
    (tmp_path / "deny").write_text("bad\n")
    assert not bench.volunteer.reload()
    assert not bench.volunteer.carries(StreamId(bytes(16)), "bad")
    (tmp_path / "deny").write_text("")
    assert bench.volunteer.reload()
    assert bench.volunteer.carries(StreamId(bytes(16)), "bad")


def test_the_status_names_limits_use_and_what_is_carried() -> None:
    bench = Bench(max_upload="20M", max_relays=4)
    bench.send(20, 2_000_000, relayed_bps=1_500_000)
    told = bench.volunteer.status(mesh())
    assert (told.max_upload_bps, told.max_relays, told.max_viewers) == (
        20_000_000,
        4,
        None,
    )
    assert told.upload_bps == pytest.approx(2_000_000, rel=0.02)
    assert told.relayed_bps == pytest.approx(1_500_000, rel=0.02)
    (carried,) = told.carrying
    assert (carried.name, carried.copies, carried.here) == ("demo", 2, False)


def test_every_node_is_welcome_without_a_list() -> None:
    assert Bench().volunteer.links(node(1))
