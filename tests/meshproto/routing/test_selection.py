"""Which feasible route is used (RFC 0010 section 5.3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.ids import NodeId
from meshproto.routing.distance import INFINITY, Distance
from meshproto.routing.selection import better, select, usable
from meshproto.routing.table import Heard

SHARE, FLOOR = 0.10, 50


def row(metric: int, refmetric: int = 10, seqno: int = 1, name: str = "n") -> Heard:
    heard = Heard(NodeId(b"origin"), NodeId(name.encode()))
    heard.metric, heard.refmetric, heard.version = metric, refmetric, (1, seqno)
    return heard


def chosen(
    routes: list[Heard], current: Heard | None = None, distance: Distance | None = None
) -> Heard | None:
    return select(routes, current, distance, SHARE, FLOOR)


def test_the_least_metric_wins() -> None:
    routes = [row(300), row(200), row(400)]
    assert chosen(routes) is routes[1]


def test_nothing_is_selected_from_nothing() -> None:
    assert chosen([]) is None
    assert chosen([row(INFINITY, INFINITY)]) is None


def test_an_unfeasible_route_is_never_used() -> None:
    near, far = row(10, refmetric=5), row(300, refmetric=4)
    assert chosen([near, far], distance=Distance((1, 1), 5)) is far
    assert chosen([near], distance=Distance((1, 1), 5)) is None
    assert not usable(near, Distance((1, 1), 5))


def test_a_route_that_works_is_kept_within_the_margin() -> None:
    current, other = row(1_000), row(901)
    assert chosen([other, current], current) is current
    other.metric = 899
    assert chosen([other, current], current) is other


def test_small_metrics_have_the_floor_as_margin() -> None:
    current, other = row(100), row(50)
    assert chosen([other, current], current) is current
    other.metric = 49
    assert chosen([other, current], current) is other


def test_the_first_of_equals_wins_and_the_current_one_stays() -> None:
    first, second = row(200), row(200)
    assert chosen([first, second]) is first
    assert chosen([first, second], second) is second


def test_a_current_route_that_is_gone_or_unfeasible_is_left_for_any_other() -> None:
    gone, other = row(INFINITY, INFINITY), row(5_000)
    assert chosen([other], gone) is other
    unfeasible = row(100, refmetric=90)
    assert chosen([unfeasible, other], unfeasible, Distance((1, 1), 50)) is other


def test_better_counts_from_the_current_metric() -> None:
    assert better(row(800), row(1_000), SHARE, FLOOR)
    assert not better(row(900), row(1_000), SHARE, FLOOR)


@given(
    st.lists(
        st.tuples(
            st.integers(1, INFINITY), st.integers(0, INFINITY), st.integers(0, 3)
        ),
        max_size=8,
    ),
    st.integers(0, INFINITY),
)
def test_what_is_selected_is_usable_and_within_the_margin_of_the_best(
    rows: list[tuple[int, int, int]], least: int
) -> None:
    routes = [row(*fields) for fields in rows]
    distance = Distance((1, 1), least)
    current = routes[0] if routes else None
    found = chosen(routes, current, distance)
    usables = [route for route in routes if usable(route, distance)]
    assert (found is None) == (not usables)
    if found is not None:
        assert found in usables
        best = min(usables, key=lambda route: route.metric)
        assert (
            found is best
            or not better(best, found, SHARE, FLOOR)
            or (found.metric == best.metric)
        )
