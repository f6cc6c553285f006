"""Each checker fails on what it is for, and on nothing that is merely close to it."""

from __future__ import annotations

from itertools import pairwise

from meshproto.ids import StreamId
from meshsim.checkers import CYCLE_S, KNOWN_S, OVER_CAP_S, WINDOW, Broken, Checkers

S, OTHER = StreamId(b"s" * 16), StreamId(b"t" * 16)
ORIGIN = b"an origin"


def found(checkers: Checkers) -> list[tuple[str, tuple[int, ...]]]:
    return [(broken.checker, broken.nodes) for broken in checkers.broken]


def chain(*nodes: int, stream: StreamId = S, now: float = 0.0) -> Checkers:
    """Each node takes packets from the one before it."""
    checkers = Checkers()
    for parent, node in pairwise(nodes):
        assert not checkers.active(stream, node, parent, now)
    return checkers


def test_a_chain_is_no_cycle_and_a_moved_subtree_is_none() -> None:
    checkers = chain(0, 1, 2, 3)
    assert not checkers.active(S, 3, 0, 20.0)
    assert not checkers.active(S, 1, 3, 20.0)
    assert checkers.active(OTHER, 1, 3, 20.0) is False
    checkers.committed(S, 1, 20.0)
    checkers.survives(S, 1, 20.0)
    assert found(checkers) == []


def test_a_committed_move_that_closes_a_cycle_is_a_violation_at_once() -> None:
    checkers = chain(0, 1, 2, 3)
    assert checkers.active(S, 1, 3, 1.0)
    assert found(checkers) == []  # it may be a repair
    checkers.committed(S, 1, 1.0)
    assert found(checkers) == [("tree-loop", (3, 2, 1))]


def test_a_cycle_by_repair_must_be_gone_in_time() -> None:
    gone, stays = chain(0, 1, 2, 3), chain(0, 1, 2, 3)
    for checkers in (gone, stays):
        assert checkers.active(S, 1, 3, 1.0)
    gone.active(S, 2, None, 2.0)
    for checkers in (gone, stays):
        checkers.survives(S, 1, 1.0 + CYCLE_S)
    assert found(gone) == []
    assert found(stays) == [("tree-loop", (3, 2, 1))]


def test_where_all_paths_are_known_nobody_is_let_in_below_itself() -> None:
    checkers = chain(0, 1, 2, 3)
    assert checkers.active(S, 1, 3, KNOWN_S + 1.0)
    assert found(checkers) == [("tree-loop", (3, 2, 1))]
    assert "below itself" in checkers.broken[0].message
    fresh = chain(0, 1, 2, 3)
    fresh.active(S, 2, 5, KNOWN_S)
    fresh.active(S, 2, 1, KNOWN_S)  # a young edge on the way: its path is not known yet
    assert fresh.active(S, 1, 3, KNOWN_S + 1.0)
    assert found(fresh) == []


def test_two_nodes_that_feed_each_other_are_a_cycle() -> None:
    checkers = Checkers()
    checkers.active(S, 1, 2, 0.0)
    assert checkers.active(S, 2, 1, 0.0)
    assert checkers.active(S, 3, 1, 0.0) is False  # a cycle above, told when it closed


def test_a_viewer_gets_a_packet_once() -> None:
    checkers = Checkers()
    for node, stream, number in [(1, S, 5), (2, S, 5), (1, OTHER, 5), (1, S, 6)]:
        checkers.delivered(stream, node, number, 0.0)
    assert found(checkers) == []
    checkers.delivered(S, 1, 5, 0.0)
    assert found(checkers) == [("duplicate", (1,))]


def test_only_so_many_numbers_are_remembered() -> None:
    checkers = Checkers()
    for number in range(WINDOW + 1):
        checkers.delivered(S, 1, number, 0.0)
    checkers.delivered(S, 1, 0, 0.0)
    assert found(checkers) == []


def test_a_packet_without_hops_went_in_a_circle() -> None:
    checkers = Checkers()
    checkers.circulated(S, 4, 77, 0.0)
    assert found(checkers) == [("hop-limit", (4,))]


def test_a_distance_never_rises_within_a_number() -> None:
    checkers = Checkers()
    for serial, metric in [((1, 0), 50), ((1, 0), 50), ((1, 0), 20), ((1, 1), 90)]:
        checkers.feasible(3, ORIGIN, serial, metric, 0.0)
    checkers.feasible(4, ORIGIN, (1, 1), 95, 0.0)
    checkers.feasible(3, b"another", (1, 1), 95, 0.0)
    assert found(checkers) == []
    checkers.feasible(3, ORIGIN, (1, 1), 91, 0.0)
    assert found(checkers) == [("feasibility", (3,))]


def test_next_hops_that_come_back_are_a_loop() -> None:
    checkers = Checkers()
    hops: dict[int, int] = {1: 2, 2: 3, 3: 4}
    checkers.next_hops(ORIGIN, 1, hops.get, 0.0)
    assert found(checkers) == []
    hops[3] = 2
    checkers.next_hops(ORIGIN, 1, hops.get, 0.0)
    assert found(checkers) == [("route-loop", (1, 2, 3))]


def degree(checkers: Checkers, children: int, now: float, admitted: bool) -> None:
    checkers.degree(S, 1, children, 4, 5, now, admitted=admitted)


def test_nobody_is_admitted_above_the_burst() -> None:
    checkers = Checkers()
    degree(checkers, 5, 0.0, admitted=True)
    degree(checkers, 6, 0.0, admitted=False)  # a standby activated itself
    assert found(checkers) == []
    degree(checkers, 6, 0.0, admitted=True)
    assert found(checkers) == [("burst", (1,))]


def test_a_burst_ends_in_time() -> None:
    short, long = Checkers(), Checkers()
    for checkers in (short, long):
        degree(checkers, 5, 0.0, admitted=True)
    degree(short, 4, 3.0, admitted=False)
    degree(long, 5, 3.0, admitted=False)
    for checkers in (short, long):
        checkers.lasting(OVER_CAP_S)
        checkers.lasting(OVER_CAP_S + 0.1)
        checkers.lasting(OVER_CAP_S + 0.2)
    assert found(short) == []
    assert found(long) == [("cap", (1,))]


def test_a_table_at_its_limit_is_fine_and_one_above_is_not() -> None:
    checkers = Checkers()
    checkers.bounded(1, "trees_max", 8, 8, 0.0)
    assert found(checkers) == []
    checkers.bounded(1, "trees_max", 9, 8, 0.0)
    assert found(checkers) == [("bounds", (1,))]
    assert "trees_max 9 > 8" in checkers.broken[0].message


def test_whoever_gets_nothing_is_named() -> None:
    checkers = Checkers()
    checkers.unserved(S, [], 10.0, 0.0)
    assert found(checkers) == []
    checkers.unserved(S, [3, 5], 10.0, 0.0)
    assert found(checkers) == [("served", (3, 5))]


def test_a_process_that_ended_is_forgotten() -> None:
    checkers = chain(0, 1, 2)
    checkers.delivered(S, 1, 5, 0.0)
    checkers.feasible(1, ORIGIN, (1, 0), 10, 0.0)
    degree(checkers, 5, 0.0, admitted=True)
    checkers.stopped(1)
    assert not checkers.active(S, 0, 2, 1.0)
    checkers.delivered(S, 1, 5, 1.0)
    checkers.feasible(1, ORIGIN, (1, 0), 99, 1.0)
    checkers.lasting(99.0)
    assert found(checkers) == []


def test_the_first_violations_are_kept_and_told_at_once() -> None:
    told: list[Broken] = []
    checkers = Checkers(most=2, told=told.append)
    for number in range(5):
        checkers.circulated(S, number, 1, float(number))
    assert told == checkers.broken
    assert [broken.time_s for broken in told] == [0.0, 1.0]
    assert checkers.checks == 0
