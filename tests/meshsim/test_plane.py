"""Every rule of the relay table (RFC 0011 section 8), on the simulated plane."""

from __future__ import annotations

import pytest

from meshproto.forwarding import relay_table as t
from meshproto.ids import NodeId, StreamId
from meshsim.plane import (
    ACTIVATE_PACKETS,
    HISTORY_PACKETS,
    HOPS_MAX,
    JOINING_S,
    MediaPacket,
    SimPlane,
)

S = StreamId(b"s" * 16)
A, B, C, D = (NodeId(bytes([n]) * 8) for n in range(4))
INTERVAL_S = 0.05
RTT_S = 0.1


class World:
    """What a plane sees, written down."""

    def __init__(self) -> None:
        self.sent: list[tuple[NodeId, int, int]] = []
        self.hops: list[int] = []
        self.notices: list[t.PlaneNotice] = []
        self.activations: list[tuple[NodeId, int]] = []
        self.viewed: list[int] = []
        self.circles: list[int] = []
        self.wakes: list[float] = []
        self.heard: dict[NodeId, float] = {}
        self.newest: dict[NodeId, int] = {}
        self.plane = SimPlane(self, lambda _, number, born, now: self._view(number))

    def _view(self, number: int) -> None:
        self.viewed.append(number)

    def interval_s(self, stream: StreamId) -> float:
        return INTERVAL_S

    def alert(self) -> bool:
        return True

    def rtt_s(self, peer: NodeId) -> float:
        return RTT_S

    def send(self, child: NodeId, alias: int, packet: MediaPacket) -> None:
        self.sent.append((child, alias, packet.sequence))
        self.hops.append(packet.hops)

    def activate(self, parent: NodeId, stream: StreamId, sequence: int) -> None:
        self.activations.append((parent, sequence))

    def heard_s(self, peer: NodeId) -> float | None:
        return self.heard.get(peer)

    def newest_at(self, peer: NodeId, stream: StreamId) -> int | None:
        return self.newest.get(peer)

    def wake(self, stream: StreamId, at: float) -> None:
        self.wakes.append(at)

    def notice(self, notice: t.PlaneNotice) -> None:
        self.notices.append(notice)

    def circulated(self, stream: StreamId, sequence: int) -> None:
        self.circles.append(sequence)

    # --- shorthands

    def do(self, *deltas: t.RelayDelta, now: float = 0.0) -> World:
        for delta in deltas:
            self.plane.apply(delta, now)
        return self

    def packets(
        self, source: NodeId, alias: int, *numbers: int, now: float = 1.0
    ) -> None:
        for number in numbers:
            packet = MediaPacket(S, number, HOPS_MAX, now)
            self.plane.receive(source, alias, packet, now)


def child_of_a() -> World:
    """A node whose packets come from A over alias 1."""
    return World().do(t.OpenStream(S), t.SetActive(S, A, 1, 0))


def test_packets_of_the_active_leg_reach_viewers_and_children_once() -> None:
    world = child_of_a().do(t.OpenLeg(S, B, 7, 1), t.OpenLeg(S, C, 23, 1))
    world.packets(A, 1, 0, 1, 1, 0)
    assert world.viewed == [0, 1]
    assert world.sent == [(B, 7, 0), (C, 23, 0), (B, 7, 1), (C, 23, 1)]
    assert set(world.hops) == {HOPS_MAX - 1}
    assert world.plane.counters.duplicates == 2


def test_order_does_not_matter_but_what_is_older_than_the_history_is_dropped() -> None:
    world = child_of_a()
    world.packets(A, 1, 5, 3, 4)
    assert world.viewed == [5, 3, 4]
    world.packets(A, 1, 3 + HISTORY_PACKETS + 10, 3 + 2)
    assert world.viewed[-1] == 3 + HISTORY_PACKETS + 10
    assert world.plane.counters.duplicates == 1
    world.packets(A, 1, 2)
    assert world.plane.counters.stale == 1


def test_the_history_is_bounded() -> None:
    world = child_of_a()
    world.packets(A, 1, *range(HISTORY_PACKETS + 50))
    held = len(world.plane.streams[S].history)
    assert HISTORY_PACKETS <= held < 2 * HISTORY_PACKETS


@pytest.mark.parametrize(("source", "alias"), [(A, 2), (B, 1), (C, 9)])
def test_packets_from_others_or_of_an_old_leg_are_not_taken(
    source: NodeId, alias: int
) -> None:
    world = child_of_a()
    world.packets(source, alias, 0)
    assert world.viewed == []
    assert world.plane.counters.wrong_leg == 1


def test_packets_of_an_unknown_stream_are_not_taken() -> None:
    world = World()
    world.packets(A, 1, 0)
    assert world.plane.counters.wrong_leg == 1
    assert world.do(t.OpenStream(S), t.CloseStream(S)).plane.streams == {}


def test_a_packet_without_hops_left_is_told_and_not_passed_on() -> None:
    world = child_of_a().do(t.OpenLeg(S, B, 7, 1))
    world.plane.receive(A, 1, MediaPacket(S, 4, 0, 0.0), 1.0)
    assert (world.circles, world.viewed, world.sent) == ([4], [], [])


def test_the_origin_takes_what_its_publisher_makes_and_nothing_else() -> None:
    world = World().do(t.OpenStream(S, origin=True), t.OpenLeg(S, B, 7, 1))
    world.plane.emit(S, 0, 1.0)
    world.packets(A, 1, 1)
    assert world.viewed == [0]
    assert world.sent == [(B, 7, 0)]
    child_of_a().plane.emit(S, 0, 1.0)  # no origin, no effect
    World().plane.emit(S, 0, 1.0)


# --- egress legs


def test_a_leg_begins_in_the_history_where_it_is_asked_to() -> None:
    world = child_of_a()
    world.packets(A, 1, 0, 1, 2, 3)
    world.do(t.OpenLeg(S, B, 7, 1, start=2))
    assert world.sent == [(B, 7, 2), (B, 7, 3)]


def test_a_leg_without_a_start_begins_at_the_key_frame() -> None:
    world = child_of_a()
    world.packets(A, 1, 0, 1, 2)
    world.do(t.OpenLeg(S, B, 7, 1))
    assert world.sent == [(B, 7, 2)]


def test_a_standby_leg_gets_nothing_until_the_child_activates_it() -> None:
    world = child_of_a().do(t.OpenLeg(S, B, 7, 1, start=0, standby=True))
    world.packets(A, 1, 0, 1, 2)
    assert world.sent == []
    world.plane.activated(S, B, 1)
    assert world.sent == [(B, 7, 1), (B, 7, 2)]
    assert world.notices[-1] == t.LegActivated(S, B, 1)
    world.plane.activated(S, B, 1)  # a repeated Activate is nothing
    world.plane.activated(S, C, 1)
    assert len(world.sent) == 2


def test_a_paused_leg_is_held_and_resumed_with_what_was_held_back() -> None:
    world = child_of_a().do(t.OpenLeg(S, B, 7, 1))
    world.packets(A, 1, 0)
    world.do(t.SetLeg(S, B, 1, pause_after=1))
    world.packets(A, 1, 1, 2, 3)
    assert world.sent == [(B, 7, 0), (B, 7, 1)]
    world.do(t.SetLeg(S, B, 1))
    assert world.sent[2:] == [(B, 7, 2), (B, 7, 3)]
    world.do(t.SetLeg(S, C, 1))  # a leg that is gone
    assert world.plane.streams[S].legs[B].layers == 1


def test_a_closed_leg_gets_nothing_more() -> None:
    world = child_of_a().do(t.OpenLeg(S, B, 7, 1), t.CloseLeg(S, B))
    world.packets(A, 1, 0)
    assert world.sent == []


# --- the second leg


def joining(now: float = 0.0) -> World:
    world = child_of_a()
    world.packets(A, 1, 0, 1, 2)
    world.notices.clear()
    return world.do(t.SetSecond(S, B, t.Second.JOINING, 9, 3), now=now)


def test_the_first_new_packet_of_a_joining_leg_is_told() -> None:
    world = joining()
    world.packets(B, 9, 2, 3)
    assert t.FirstNew(S, B, 3) in world.notices
    assert world.viewed == [0, 1, 2, 3]


def test_an_echo_proves_nothing() -> None:
    world = joining()
    world.packets(B, 9, 0, 1, 2, now=0.01)
    assert world.notices == []


def test_a_joining_leg_that_is_behind_is_told_once_after_a_while() -> None:
    world = joining()
    world.packets(B, 9, 0, 1, now=JOINING_S + 0.01)
    assert world.notices == []  # three packets at least
    world.packets(B, 9, 2, 2, now=JOINING_S + 0.02)
    assert world.notices == [t.NothingNew(S, B, 2, 0)]


def test_how_far_the_active_leg_is_ahead_is_told() -> None:
    world = joining()
    world.packets(A, 1, 3, 4, 5)
    world.packets(B, 9, 0, 1, 2, now=JOINING_S + 0.02)
    assert world.notices == [t.NothingNew(S, B, 5, 3)]


def test_a_dual_leg_gives_packets_and_says_nothing() -> None:
    world = child_of_a().do(t.SetSecond(S, B, t.Second.DUAL, 9, 0))
    world.packets(A, 1, 0)
    world.notices.clear()
    world.packets(B, 9, 0, 1, 2, now=2.0)
    assert world.viewed == [0, 1, 2]
    assert world.notices == []


def test_a_standby_gives_no_packets() -> None:
    world = child_of_a().do(t.SetSecond(S, B, t.Second.STANDBY, 9, 0))
    world.packets(B, 9, 0)
    assert world.viewed == []


def test_the_joining_leg_that_becomes_active_is_no_second_leg_any_more() -> None:
    world = joining().do(t.SetActive(S, B, 9, 3))
    state = world.plane.streams[S]
    assert (state.parent, state.second) == (B, None)
    world.packets(A, 1, 3)
    assert world.viewed[-1] == 2  # the old leg is not taken any more
    assert world.activations == []


def test_a_second_leg_can_be_taken_away() -> None:
    world = joining().do(t.SetSecond(S, None))
    world.packets(B, 9, 3)
    assert world.viewed[-1] == 2


# --- silence


def standby(newest: int) -> World:
    """A silent parent A, and a standby B that knows packets up to `newest`."""
    world = child_of_a().do(t.SetSecond(S, B, t.Second.STANDBY, 9, 0))
    world.packets(A, 1, 0, 1, 2)
    world.newest[B] = newest
    world.notices.clear()
    return world


def test_silence_activates_a_standby_that_is_ahead() -> None:
    world = standby(2 + ACTIVATE_PACKETS)
    world.plane.judge(S, 1.5)
    assert world.activations == [(B, 3)]
    assert world.notices == [t.Activated(S, B, 3)]
    state = world.plane.streams[S]
    assert (state.parent, state.alias, state.second) == (B, 9, None)


def test_no_silence_while_packets_come() -> None:
    world = standby(100)
    world.plane.judge(S, 1.0 + INTERVAL_S)
    assert world.activations == []
    assert world.notices == []


def test_a_standby_that_knows_no_more_is_no_help() -> None:
    world = standby(2 + ACTIVATE_PACKETS - 1)
    world.plane.judge(S, 1.5)
    assert world.activations == []
    assert world.notices == [t.Silent(S, False)]
    world.plane.judge(S, 2.0)
    assert len(world.notices) == 1  # once


def test_a_parent_that_still_says_alive_is_stalled() -> None:
    world = standby(100)
    world.heard[A] = 0.01
    world.plane.judge(S, 1.5)
    assert world.notices == [t.Silent(S, True)]


def test_packets_after_a_silence_are_told() -> None:
    world = standby(0)
    world.plane.judge(S, 1.5)
    world.packets(A, 1, 3, now=2.0)
    assert world.notices[-1] == t.Flowing(S, A, 3)
    world.packets(A, 1, 4, now=2.1)
    assert len(world.notices) == 2


def test_the_standby_that_the_brain_names_is_activated_as_on_silence() -> None:
    world = standby(100).do(t.SetActive(S, B, 9, 0), now=1.2)
    assert world.activations == [(B, 3)]


def test_an_activate_is_repeated_until_packets_come() -> None:
    world = standby(100).do(t.SetActive(S, B, 9, 0), now=1.2)
    world.plane.judge(S, 1.6)
    assert world.activations == [(B, 3), (B, 3)]
    world.packets(B, 9, 3, now=1.7)
    world.plane.judge(S, 2.5)
    assert len(world.activations) == 2


def test_a_leg_that_was_activated_has_a_round_trip_before_it_is_silent() -> None:
    world = standby(100).do(t.SetActive(S, B, 9, 0), now=2.0)
    world.plane.judge(S, 2.0 + RTT_S + 0.05)
    assert t.Silent(S, False) not in world.notices
    world.plane.judge(S, 2.0 + RTT_S + 0.25)
    assert t.Silent(S, False) in world.notices


def test_a_new_active_leg_that_stays_empty_is_silent_on_its_own() -> None:
    world = standby(0)
    world.plane.judge(S, 1.5)
    world.do(t.SetActive(S, C, 4, 0), now=2.0)
    world.plane.judge(S, 2.1)
    assert world.notices == [t.Silent(S, False)]  # not yet: it began just now
    world.plane.judge(S, 2.3)
    assert world.notices == [t.Silent(S, False)] * 2


def test_silence_is_looked_at_in_time_and_not_at_the_origin() -> None:
    world = child_of_a()
    assert world.wakes == [pytest.approx(3 * INTERVAL_S)]
    world.do(t.SetActive(S, None))
    assert len(world.wakes) == 1
    origin = World().do(t.OpenStream(S, origin=True))
    origin.plane.judge(S, 9.0)
    World().plane.judge(S, 9.0)
    assert origin.notices == []


def test_what_was_newest_a_while_ago_is_remembered() -> None:
    world = child_of_a()
    for number in range(5):
        world.packets(A, 1, number, now=float(number))
    state = world.plane.streams[S]
    assert state.newest_before(2.5) == 2
    assert state.newest_before(-1.0) is None
