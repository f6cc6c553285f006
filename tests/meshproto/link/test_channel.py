"""Frames of one life of a link: what shares one, what is owed, what is repeated."""

from __future__ import annotations

import pytest

from meshproto.config.link import LinkConfig
from meshproto.errors import DecodeError
from meshproto.link.channel import Channel
from meshproto.link.quality import NEVER, Quality
from meshproto.wire.control.frame import (
    FRAME_OCTETS_MAX,
    SEGMENT_OCTETS_MAX,
    Frame,
    Segment,
    decode,
)
from meshproto.wire.control.link import Goodbye
from meshproto.wire.control.schema import Record
from support.link_pair import quick
from support.link_records import Glance, Glimpse, Tome, Word

RTT_S = 0.1
PATIENCE_S = 0.145


def channels(config: LinkConfig | None = None) -> tuple[Channel, Channel]:
    """Two ends that know each other's session."""
    config = config or LinkConfig()
    ends = [Channel(config, Quality(config, RTT_S, 0.0), n) for n in (5, 9)]
    ends[0].peer, ends[1].peer = 9, 5
    return ends[0], ends[1]


def frames(channel: Channel, now: float = 0.0) -> list[Frame]:
    return [decode(data) for data in channel.flush(now)]


def pass_on(sender: Channel, receiver: Channel, now: float = 0.0) -> list[Record]:
    """Deliver everything that `sender` has to say."""
    faults: list[str] = []
    records = [r for f in frames(sender, now) for r in receiver.receive(f, now, faults)]
    assert not faults
    return records


def fill(channel: Channel, count: int, kind: type[Word | Tome] = Word) -> None:
    """Records of which two do not fit a segment."""
    for number in range(count):
        channel.send(kind(number, bytes(900)))


def test_what_is_sent_together_travels_in_one_frame() -> None:
    a, b = channels()
    sent = [Glance(1), Word(1), Tome(1), Word(2), Glimpse(3)]
    for record in sent:
        assert a.send(record)
    [frame] = frames(a)
    assert (frame.sender, frame.receiver, frame.number) == (5, 9, 1)
    assert [segment.lane for segment in frame.segments] == [0, 1]
    received = b.receive(frame, 0.0, [])
    assert received == [Word(1), Word(2), Tome(1), Glance(1), Glimpse(3)]


def test_nothing_to_say_makes_no_frame() -> None:
    a, _ = channels()
    assert frames(a) == []
    assert a.idle


def test_no_frame_is_longer_than_a_datagram() -> None:
    a, b = channels()
    for number in range(200):
        a.send(Glance(number, bytes(number * 5)))
        a.send(Word(number, bytes(number * 7)))
    sizes = [len(data) for data in a.flush(0.0)]
    assert max(sizes) <= FRAME_OCTETS_MAX
    assert max(sizes) > FRAME_OCTETS_MAX // 2
    del b


def test_records_beyond_the_limits_are_not_taken() -> None:
    a, _ = channels()
    assert not a.send(Glance(1, bytes(SEGMENT_OCTETS_MAX)))
    assert not a.send(Word(1, bytes(65_536)))
    assert a.send(Tome(1, bytes(65_000)))
    assert len(frames(a)) == 5, "half of the first window"


def test_an_acknowledgement_waits_for_a_frame_that_goes_anyway() -> None:
    a, b = channels()
    a.send(Word(1))
    pass_on(a, b, 1.0)
    assert frames(b, 1.0) == []
    assert b.ack_at == 1.02
    b.send(Glance(7))
    [frame] = frames(b, 1.01)
    assert frame.acknowledged == (1,)
    assert b.ack_at == NEVER
    a.receive(frame, 1.1, [])
    assert a.idle
    assert a.resend_at == NEVER


def test_it_does_not_wait_for_a_whole_window() -> None:
    a, b = channels()
    fill(a, 8)
    pass_on(a, b)
    [frame] = frames(b)
    assert frame.acknowledged == (8,)


def test_a_gap_and_a_repetition_are_told_at_once() -> None:
    a, b = channels()
    fill(a, 3)
    first, second, third = frames(a)
    b.receive(first, 0.0, [])
    b.receive(third, 0.0, [])
    [told] = frames(b)
    assert told.acknowledged == (1, 1)
    b.receive(second, 0.0, [])
    frames(b)
    b.receive(second, 0.0, [])
    [again] = frames(b)
    assert again.acknowledged == (3,)


def test_both_lanes_are_acknowledged_apart() -> None:
    a, b = channels()
    fill(a, 3)
    fill(a, 3, Tome)
    sent = frames(a)
    for frame in sent:
        if frame.segments[0] not in (sent[0].segments[0], sent[4].segments[0]):
            b.receive(frame, 0.0, [])
    assert frames(b)[0].acknowledged == (0, 0b11, 1, 1)


def test_the_latest_loose_record_of_a_kind_wins() -> None:
    a, b = channels()
    made = []
    for number in range(3):
        a.send(Glance(number))
        made += frames(a)
    a.send(Glimpse(9))
    made += frames(a)
    assert b.receive(made[3], 0.0, []) == [Glimpse(9)]
    assert b.receive(made[1], 0.0, []) == [Glance(1)]
    assert b.receive(made[0], 0.0, []) == []
    assert b.receive(made[1], 0.0, []) == [], "a frame that comes twice"
    assert b.receive(made[2], 0.0, []) == [Glance(2)]


def test_what_is_not_acknowledged_in_time_goes_out_again() -> None:
    a, b = channels()
    a.send(Word(1))
    [lost] = frames(a)
    assert a.resend_at == pytest.approx(PATIENCE_S)
    assert a.expire(a.resend_at)
    [again] = frames(a, PATIENCE_S)
    assert again.segments == lost.segments
    assert again.number > lost.number
    assert b.receive(again, 0.2, []) == [Word(1)]


def test_patience_doubles_up_to_its_limit_and_returns_with_an_answer() -> None:
    a, b = channels()
    a.send(Word(1))
    frames(a)
    waits, now = [], 0.0
    for _ in range(5):
        waits.append(a.resend_at - now)
        now = a.resend_at
        assert a.expire(now)
        frames(a, now)
    assert waits == pytest.approx([PATIENCE_S, 0.29, 0.58, 1.0, 1.0])
    a.send(Word(2))
    pass_on(a, b, now)
    b.ack_now = True
    assert a.expire(a.resend_at)
    pass_on(b, a, now)
    a.send(Word(3))
    frames(a, now)
    assert a.resend_at - now <= PATIENCE_S + 1e-9


def test_a_segment_too_old_is_the_end() -> None:
    a, _ = channels()
    a.send(Word(1))
    frames(a)
    now = 0.0
    while a.expire(now := a.resend_at):
        frames(a, now)
    assert 6.0 <= now <= 7.0


def test_a_deadline_that_came_too_early_loses_nothing() -> None:
    a, _ = channels()
    a.send(Word(1))
    frames(a)
    assert a.expire(0.05)
    assert frames(a, 0.05) == []
    assert a.resend_at > 0.05


def test_what_was_overtaken_by_three_frames_is_repeated_before_patience_ends() -> None:
    a, b = channels()
    fill(a, 5)
    sent = frames(a)
    for frame in sent[1:3]:
        b.receive(frame, 0.0, [])
        pass_on(b, a)
    assert frames(a) == [], "two may overtake"
    b.receive(sent[3], 0.0, [])
    pass_on(b, a)
    [again] = frames(a)
    assert again.segments == sent[0].segments


def test_the_window_opens_with_answers_up_to_its_limit() -> None:
    a, b = channels()
    seen = [a.window]
    for _ in range(12):
        fill(a, 64)
        assert len(pass_on(a, b)) == seen[-1]
        b.ack_now = True
        pass_on(b, a)
        seen.append(a.window)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (10, 64)


def test_a_loss_halves_the_window_once_and_not_below_its_floor() -> None:
    a, b = channels(quick(window_min=4))
    a._window = 40.0
    fill(a, 40)
    sent = frames(a)
    for frame in sent[3:]:
        b.receive(frame, 0.0, [])
    b.ack_now = True
    pass_on(b, a)
    assert 20 <= a.window <= 22, "three lost in one burst halve it once"
    for _ in range(8):
        fill(a, 30)
        frames(a)
        a.expire(a.resend_at)
    assert a.window == 4


def test_bulk_leaves_room_for_the_other_lane() -> None:
    a, b = channels()
    fill(a, 100, Tome)
    assert len(frames(a)) == 5
    a.send(Word(1))
    assert pass_on(a, b) == [Word(1)]


def test_the_normal_lane_goes_first() -> None:
    a, _ = channels()
    fill(a, 3, Tome)
    fill(a, 3)
    lanes = [segment.lane for frame in frames(a) for segment in frame.segments]
    assert lanes == [0, 0, 0, 1, 1, 1]


def test_waiting_counts_segments_that_the_window_holds_back() -> None:
    a, _ = channels()
    fill(a, 30)
    frames(a)
    assert a.waiting in {19, 20}


def test_an_acknowledgement_of_what_was_never_sent_is_refused() -> None:
    a, _ = channels()
    with pytest.raises(DecodeError, match="channel-acknowledged"):
        a.receive(Frame(1, 9, 5, 1, acknowledged=(1,)), 0.0, [])
    with pytest.raises(DecodeError, match="channel-acknowledged"):
        a.receive(Frame(1, 9, 5, 1, acknowledged=(0, 0, 7)), 0.0, [])


def test_a_wrong_record_costs_a_fault_and_the_others_arrive() -> None:
    a, b = channels()
    octets = b"\x94" + bytes.fromhex("92ccf001") + b"\x90" + b"\x92\xcc\xc8\x01"
    segments = (
        Segment(0, 1, octets + bytes.fromhex("92ccf002")),
        Segment(0, 2, b"\xc1"),
        Segment(0, 3, b"\x01"),
    )
    faults: list[str] = []
    found = b.receive(Frame(1, 5, 9, 1, segments=segments), 0.0, faults)
    assert found == [Word(1), Word(2)]
    assert faults == ["record-shape", "frame-msgpack", "lane-value-shape"]
    assert frames(b, 1.0) == []
    b.ack_now = True
    assert frames(b)[0].acknowledged == (3,), "unknown and wrong ones count as received"
    del a


def test_a_reliable_record_must_not_be_loose() -> None:
    _, b = channels()
    faults: list[str] = []
    loose = ([240, 1], [242, 2])
    assert b.receive(Frame(1, 5, 9, 1, loose=loose), 0.0, faults) == [Glance(2)]
    assert faults == ["loose-reliable"]


def test_a_farewell_is_one_frame_with_all_that_is_owed() -> None:
    a, b = channels()
    a.send(Word(1))
    pass_on(a, b)
    frame = decode(b.farewell(Goodbye("leaving")))
    assert frame.acknowledged == (1,)
    assert a.receive(frame, 0.0, []) == [Goodbye("leaving")]
