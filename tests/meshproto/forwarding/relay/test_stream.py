"""The tables of legs: lateness, gaps, early packets, masks and pauses."""

from __future__ import annotations

import pytest

from meshproto.forwarding.packet import Packet
from meshproto.forwarding.relay.stream import Leg, Neighbour, Stream, Upper, block_of
from meshproto.ids import NodeId
from meshproto.wire.descriptor import OPAQUE
from support.legs import STREAM, LegNet

KEEP_ALIVE_S = 0.03


def packet(number: int, order: int) -> Packet:
    made = Packet(
        number,
        0,
        b"x",
        payload_type=1,
        codec="opus",
        marker=False,
        carried=(),
        facts=OPAQUE,
        arrival=0.0,
    )
    made.place(0, order, 24, 0)
    return made


def leg() -> Leg:
    return Leg(Stream(STREAM, True, 0.0), Neighbour(NodeId(b"n")), 16, 1, False, 8)


def test_a_block_of_ssrcs_wraps() -> None:
    assert block_of(0xFFFFFFFE)[:4] == [0xFFFFFFFE, 0xFFFFFFFF, 0, 1]
    assert len(block_of(0)) == 16


def test_lateness_is_learned_within_bounds_and_forgotten() -> None:
    neighbour = Neighbour(NodeId(b"n"))
    now = 0.0
    for _ in range(50):
        neighbour.hear(KEEP_ALIVE_S, now)
        now += KEEP_ALIVE_S
    assert neighbour.jitter_s == pytest.approx(0, abs=1e-6)
    for _ in range(50):
        neighbour.hear(KEEP_ALIVE_S, now)
        now += KEEP_ALIVE_S + 0.02
    assert 0.015 < neighbour.jitter_s < 0.021
    now += 0.9
    for _ in range(50):
        neighbour.hear(KEEP_ALIVE_S, now)
        now += 0.9
    assert neighbour.jitter_s == 0.05
    for _ in range(3000):
        neighbour.hear(KEEP_ALIVE_S, now)
        now += 0.005
    assert neighbour.jitter_s < 0.001


def test_early_packets_are_taken_by_leg_in_order_and_go_stale() -> None:
    neighbour = Neighbour(NodeId(b"n"))
    upper = Upper(Stream(STREAM, False, 0.0), neighbour, 16, 0, None, 0.0)
    for n, (at, ssrc) in enumerate([(0.0, 16), (0.2, 16), (0.3, 99), (0.35, 17)]):
        neighbour.keep_early(ssrc, b"%d" % n, at)
    assert neighbour.take_early(0.4) == []
    neighbour.uppers = {16: (upper, 0), 17: (upper, 1)}
    assert neighbour.take_early(0.4) == [b"1", b"3"]
    assert neighbour.take_early(0.4) == []
    for n in range(1000):
        neighbour.keep_early(16, b"%d" % n, 0.4)
    assert neighbour.take_early(0.4)[0] == b"744"


def test_gaps_between_bursts_are_the_pace_and_pauses_are_not() -> None:
    stream = Stream(STREAM, False, 0.0)
    now = 0.0
    for order in range(0, 300, 3):
        now += 0.1
        for n in range(3):
            assert stream.came(order + n, now)
    assert stream.gap_s == pytest.approx(0.1, rel=0.01)
    assert not stream.came(5, now)
    stream.came(1000, now + 60)
    assert stream.gap_s < 0.21
    assert stream.newest == 1000


def test_a_mask_means_slots_and_sound_is_always_carried() -> None:
    net = LegNet("a")
    hop = net.origin("a", rids=("l", "m", "h"))
    stream = hop.forwarder._state.streams[STREAM]
    assert stream.wanted(0) == 0b0001
    assert stream.wanted(0b101) == 0b1011
    hop.forwarder.remove_transport(hop.forwarder._state.producers[1].transport)
    assert stream.wanted(0xFF) == 0


def test_a_pause_holds_back_what_did_not_leave() -> None:
    held = leg()
    held.backlog.extend(packet(n, n) for n in range(10))
    held.hold(5)
    assert [p.order for p in held.backlog] == list(range(6))
    assert held.held_from == 6
    held.hold(None)
    assert (held.pause_after, held.held_from) == (None, None)
    held.reached = 20
    held.hold(5)
    assert held.held_from == 21
