"""How links end, what mistakes cost, and the bounds (RFC 0005 section 7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.config.link import LinkConfig
from meshproto.errors import StateError
from meshproto.events import LimitReached, Refused
from meshproto.ids import LinkId, NodeId
from meshproto.link.events import (
    LinkLost,
)
from meshproto.outputs import HangUp, Transmit
from meshproto.wire.control import frame as f
from support.link_pair import GOOD, LINK, LOST, RTT_S, A, B, Fate, Pair, quick
from support.link_records import Glance, Word


def test_closing_sends_what_is_queued_and_a_reason() -> None:
    pair = Pair.ready()
    pair.a.links.send(B, Word(9), pair.now)
    pair.a.links.close(B, "traded", pair.now)
    pair.pump(pair.a)
    pair.settle()
    assert pair.b.records == [Word(9)]
    assert pair.b.changes == [LinkLost(A, "goodbye", "traded")]
    assert pair.a.changes == [LinkLost(B, "traded")]
    assert pair.a.hung_up == ["traded"]
    assert pair.a.links.next_timeout() is None


def test_the_goodbye_goes_before_the_order_to_hang_up() -> None:
    pair = Pair.ready()
    pair.a.links.close(B, "traded", pair.now)
    kinds = []
    while (output := pair.a.outbox.poll()) is not None:
        kinds.append(type(output))
    assert kinds == [Transmit, HangUp]


def test_a_reason_that_is_no_label_is_not_passed_on() -> None:
    pair = Pair.ready()
    pair.a.links.close(B, "<script>alert(1)</script>", pair.now)
    pair.pump(pair.a)
    pair.settle()
    assert pair.b.changes == [LinkLost(A, "goodbye", "other")]


def test_a_full_queue_ends_the_link() -> None:
    pair = Pair.ready()
    sent = 0
    while pair.a.links.send(B, Word(sent, bytes(900)), pair.now):
        sent += 1
    pair.pump(pair.a)
    assert 256 <= sent <= 258
    assert pair.a.saw(LinkLost) == [LinkLost(B, "queue")]
    assert pair.a.hung_up == ["queue"]


def test_verbs_about_a_link_that_is_gone_have_no_effect() -> None:
    pair = Pair.ready()
    pair.a.links.down(LINK, pair.now)
    pair.a.links.down(LINK, pair.now)
    links = pair.a.links
    links.checked(B, None, pair.now)
    links.heard(B, pair.now)
    links.close(B, "twice", pair.now)
    assert not links.send(B, Word(1), pair.now)
    assert not links.introduce(B, A, b"", pair.now)
    assert links.take_changes() == [LinkLost(B, "closed")]
    assert (links.rtt_s(B), links.jitter_s(B), links.loss(B)) == (None, 0.0, 1.0)
    assert links.suspect(B)
    assert links.neighbours() == []


def test_malformed_frames_are_refused_and_enough_of_them_end_the_link() -> None:
    pair = Pair.ready()
    for _ in range(32):
        assert pair.a.links.receive(LINK, b"\xc1", pair.now) == []
    pair.pump(pair.a)
    assert pair.a.saw(Refused) == [Refused(B, "frame-msgpack")] * 32
    assert pair.a.ready
    pair.a.links.receive(LINK, b"\xc1", pair.now)
    pair.pump(pair.a)
    assert pair.a.saw(LinkLost) == [LinkLost(B, "protocol")]


def test_rare_mistakes_are_forgiven() -> None:
    pair = Pair.ready()
    for step in range(100):
        pair.a.links.receive(LINK, b"\xc1", pair.now + 10.0 * step)
    pair.pump(pair.a)
    assert pair.a.ready


def test_other_packages_can_punish_too() -> None:
    pair = Pair.ready()
    for _ in range(33):
        pair.a.links.punish(B, "update-forged", pair.now)
    pair.a.links.punish(B, "update-forged", pair.now)
    pair.pump(pair.a)
    assert pair.a.saw(Refused) == [Refused(B, "update-forged")] * 34
    assert pair.a.hung_up == ["protocol"]


def hostile(pair: Pair, **parts: object) -> bytes:
    """A frame that `a` believes to come from `b`."""
    channel = pair.a.links._nodes[B].channel
    made = f.Frame(1, channel.peer, channel.session, 900, **parts)  # type: ignore[arg-type]
    return f.encode(made)


def test_a_value_without_end_ends_the_link_at_once() -> None:
    pair = Pair.ready(config=quick(frames_burst=10_000.0))
    for sequence in range(1, 100):
        part = f.Segment(1, sequence, bytes(f.SEGMENT_OCTETS_MAX), more=True)
        pair.a.links.receive(LINK, hostile(pair, segments=(part,)), pair.now)
        if not pair.a.ready:
            break
    pair.pump(pair.a)
    assert sequence == 63
    assert pair.a.saw(LinkLost) == [LinkLost(B, "protocol")]


def test_a_flood_is_not_read() -> None:
    pair = Pair.ready()
    frame = hostile(pair, loose=([242, 1],))
    read = sum(len(pair.a.links.receive(LINK, frame, pair.now)) for _ in range(1_500))
    refused = 0
    while (output := pair.a.outbox.poll()) is not None:
        refused += output == Refused(B, "link-rate")
    assert read == 1
    assert 500 <= refused <= 510


def test_a_frame_of_another_version_is_refused() -> None:
    pair = Pair.ready()
    frame = bytearray(hostile(pair, loose=([242, 1],)))
    frame[1] = 2
    assert pair.a.links.receive(LINK, bytes(frame), pair.now) == []
    pair.pump(pair.a)
    assert pair.a.saw(Refused) == [Refused(B, "frame-version")]


def test_too_many_links_are_refused_by_name() -> None:
    pair = Pair(config=quick(links=3))
    for number in range(3):
        node = NodeId(bytes([number]) * 8)
        assert pair.a.links.up(LinkId(number), node, RTT_S, pair.now)
    assert not pair.a.links.up(LinkId(9), B, RTT_S, pair.now)
    pair.a.links.flush(pair.now)
    outputs = []
    while (output := pair.a.outbox.poll()) is not None:
        outputs.append(output)
    assert LimitReached("links", 3) in outputs
    assert HangUp(B, "full") in outputs
    assert len(pair.a.links) == 3


def test_a_link_comes_up_once_and_never_to_oneself() -> None:
    pair = Pair.ready()
    with pytest.raises(StateError):
        pair.a.links.up(LINK, NodeId(b"another-"), RTT_S, pair.now)
    with pytest.raises(StateError):
        pair.a.links.up(LinkId(99), A, RTT_S, pair.now)


@given(st.lists(st.binary(max_size=120), max_size=10), st.data())
def test_no_input_raises(inputs: list[bytes], data: st.DataObject) -> None:
    pair = Pair.ready()
    whole = hostile(pair, loose=([0, 1, 1, 0, B, 5, 9, 0], [2, "x"], [242, 1]))
    for octets in inputs:
        twisted = bytearray(whole)
        at = data.draw(st.integers(0, len(twisted) - 1))
        twisted[at] = data.draw(st.integers(0, 255))
        for frame in (octets, bytes(twisted)):
            pair.a.links.receive(LINK, frame, pair.now)
            pair.pump(pair.a)
    pair.run(10.0)


def test_the_same_inputs_give_the_same_outputs() -> None:
    def trace() -> list[object]:
        pair = Pair(fates=[GOOD, LOST, Fate(2, 0.05)] * 10)
        pair.up()
        pair.send(pair.a, *[Word(n) for n in range(20)])
        pair.settle()
        return [pair.frames, pair.octets, pair.now, pair.a.changes, pair.b.changes]

    assert trace() == trace()


def test_the_defaults_keep_their_order() -> None:
    config = LinkConfig()
    assert config.ack_every < config.window_min <= config.window_max <= f.WINDOW
    assert config.suspect_checks < config.down_checks
    assert config.tree_silence_s < config.idle_silence_s


def test_two_farewells_in_one_frame_end_a_link_once() -> None:
    pair = Pair.ready()
    twice = hostile(pair, loose=([2, "leaving"], [2, "again"]))
    assert pair.a.links.receive(LINK, twice, pair.now) == []
    pair.pump(pair.a)
    assert pair.a.saw(LinkLost) == [LinkLost(B, "goodbye", "leaving")]
    assert pair.a.hung_up == ["goodbye"]


def test_records_beside_a_farewell_come_from_nobody_and_are_dropped() -> None:
    pair = Pair.ready()
    part = f.Segment(0, 2, b"\x91" + bytes.fromhex("92ccf001"))
    frame = hostile(pair, loose=([242, 1], [2, "leaving"]), segments=(part,))
    assert pair.a.links.receive(LINK, frame, pair.now) == []
    assert pair.a.links.take_changes() == [LinkLost(B, "goodbye", "leaving")]


def test_nothing_revives_a_link_that_has_ended() -> None:
    pair = Pair.ready()
    hello = [0, 1, 1, 0, B, 9_000, 70_000, 0]
    frame = hostile(pair, loose=([2, "leaving"], hello, [1, 5, 0, 0]))
    assert pair.a.links.receive(LINK, frame, pair.now) == []
    pair.pump(pair.a)
    assert pair.a.changes == [LinkLost(B, "goodbye", "leaving")]
    assert pair.a.links.next_timeout() is None
    assert pair.a.links.idle()
    assert len(pair.a.links) == 0


def test_wrong_records_in_a_good_frame_count_as_mistakes() -> None:
    pair = Pair.ready()
    frame = hostile(pair, loose=([242, "x"], [242, 1], [200, "unknown"]))
    assert pair.a.links.receive(LINK, frame, pair.now) == [Glance(1)]
    pair.pump(pair.a)
    assert pair.a.saw(Refused) == [Refused(B, "record-integer")]
    many = hostile(pair, loose=([242, "x"],) * 40)
    assert pair.a.links.receive(LINK, many, pair.now) == []
    pair.pump(pair.a)
    assert pair.a.saw(LinkLost) == [LinkLost(B, "protocol")]
