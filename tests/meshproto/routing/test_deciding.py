"""What follows from a changed row (RFC 0010 section 5.3)."""

from __future__ import annotations

from meshproto.routing.changes import RouteChanged, RouteLost
from meshproto.routing.events import RouteSelected
from support.routing import EPOCH, Bench, node

O = node("o")  # noqa: E741


def bench(*names: str) -> Bench:
    made = Bench()
    made.up("a", "b", *names)
    made.hear("a", 100)
    made.advance(0.2)
    made.sent()
    made.take_changes()
    made.events.clear()
    return made


def test_a_worse_alternative_changes_nothing() -> None:
    made = bench()
    made.hear("b", 150)
    made.advance(10.0)
    assert made.next_hop() == "a"
    assert made.take_changes() == []
    assert made.records == []


def test_a_clearly_better_route_is_taken_and_reported() -> None:
    made = bench()
    made.hear("b", 20)
    assert made.next_hop() == "b"
    assert made.take_changes() == [RouteChanged(O)]
    assert made.events == [RouteSelected(O, node("b"), 0.012)]


def test_a_slightly_better_route_is_not() -> None:
    made = bench()
    made.hear("b", 60)
    assert made.next_hop() == "a"
    assert made.take_changes() == []


def test_a_lost_next_hop_is_replaced_by_a_feasible_neighbour_in_the_same_step() -> None:
    made = bench()
    made.hear("b", 150)
    made.down("a")
    assert made.next_hop() == "b"
    assert made.take_changes() == [RouteChanged(O)]


def test_without_a_feasible_neighbour_the_route_is_lost() -> None:
    made = bench()
    made.hear("b", 200)  # not closer than what we told
    made.down("a")
    assert made.next_hop() is None
    assert made.take_changes() == [RouteLost(O)]
    assert RouteSelected(O, None, None) in made.events


def test_a_next_hop_that_went_farther_than_our_own_distance_is_left_at_once() -> None:
    made = bench()
    made.hear("a", 200)
    assert made.next_hop() is None
    assert made.take_changes() == [RouteLost(O)]


def test_a_next_hop_that_went_a_little_farther_is_kept() -> None:
    made = bench()
    made.hear("a", 199)
    assert made.next_hop() == "a"
    assert made.router.metric_s(O) == 0.0299


def test_a_slow_link_is_left_for_a_faster_one() -> None:
    made = bench()
    made.hear("b", 190)
    made.rtt("a", 0.200)
    assert made.next_hop() == "b"
    made.rtt("a", 0.018)
    assert made.next_hop() == "a"


def test_a_suspect_link_is_left() -> None:
    made = bench()
    made.hear("b", 150)
    made.suspects[node("a")] = True
    made.call("cost_moved", node("a"))
    assert made.next_hop() == "b"


def test_a_retired_distance_is_remembered_ten_minutes_and_then_forgotten() -> None:
    made = bench()
    made.retract("a")
    made.advance(599.0)
    assert made.router.distance(O) == ((EPOCH, 1), 200)
    made.advance(2.0)
    assert made.router.distance(O) is None
    assert made.router.dump()["origins"] == {}


def test_a_route_that_came_back_keeps_its_distance() -> None:
    made = bench()
    made.retract("a")
    made.advance(300.0)
    made.hear("a", 100)
    made.advance(500.0)
    assert made.router.distance(O) == ((EPOCH, 1), 200)
    made.retract("a")
    made.advance(599.0)
    assert made.router.distance(O) == ((EPOCH, 1), 200)
