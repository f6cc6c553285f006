"""The verbs of the routing machine (RFC 0010)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.errors import LimitError, StateError
from meshproto.events import LimitReached
from meshproto.ids import short_id
from meshproto.routing.changes import RouteChanged
from meshproto.routing.distance import INFINITY
from meshproto.wire.control.offer import OFFERS_MAX
from meshproto.wire.control.routing import (
    RoutingRecord,
    SeqnoRequest,
    Step,
    TableDigest,
    TableRequest,
    Update,
    Want,
)
from support.routing import EPOCH, OTHER_STREAM, Bench, node, offer, seal

O = node("o")  # noqa: E741


def test_a_router_at_rest_waits_for_nothing() -> None:
    made = Bench()
    assert made.router.next_timeout() is None
    made.up("a")
    assert made.router.next_timeout() is None
    assert made.router.origins() == []


def test_an_origin_is_told_to_all_with_metric_zero() -> None:
    made = Bench()
    made.up("a", "b")
    made.call("originate")
    made.advance(0.01)
    updates = made.sent(Update)
    assert [(u.origin, u.refmetric, u.hops, u.epoch) for u in updates] == [
        (made.me, 0, 0, EPOCH)
    ] * 2
    assert updates[0].signature == seal(made.me, EPOCH, 0)


def test_an_origin_knows_itself_but_has_no_next_hop() -> None:
    made = Bench()
    made.call("originate")
    assert made.router.origins() == [made.me]
    assert made.router.metric_s(made.me) == 0.0
    assert made.router.next_hop(made.me) is None


def test_originating_twice_is_once() -> None:
    made = Bench()
    made.up("a")
    made.call("originate")
    made.advance(5.0)
    made.sent()
    made.call("originate")
    made.advance(5.0)
    assert made.sent(Update) == []


def test_an_origin_that_withdraws_is_retracted_at_once() -> None:
    made = Bench()
    made.up("a")
    made.call("originate")
    made.advance(1.0)
    made.sent()
    made.call("withdraw")
    made.advance(0.006)
    assert made.told("a") == [INFINITY]
    assert made.router.origins() == []
    made.call("withdraw")
    made.advance(1.0)
    assert made.sent() == []


def test_an_origin_that_comes_back_has_a_newer_number() -> None:
    made = Bench()
    made.up("a")
    made.call("originate")
    made.advance(2.0)
    made.call("withdraw")
    made.advance(2.0)
    made.sent()
    made.call("originate")
    made.advance(0.01)
    assert [update.seqno for update in made.sent(Update)] == [1]


def test_a_neighbour_cannot_come_up_twice() -> None:
    made = Bench()
    made.up("a")
    with pytest.raises(StateError):
        made.router.neighbour_up(node("a"), made.now)


def test_an_unknown_neighbour_may_go_down() -> None:
    Bench().down("a")


def test_a_neighbour_that_came_back_is_told_everything_again() -> None:
    made = Bench()
    made.up("a", "b")
    made.hear("a", 100)
    made.advance(0.2)
    made.down("b")
    made.sent()
    made.up("b")
    (update,) = made.sent(Update, "b")
    assert update.refmetric == 200
    assert update.signature


def test_too_many_neighbours_are_refused_by_name() -> None:
    made = Bench(neighbours_max=2)
    made.up("a", "b", "c")
    assert made.events == [LimitReached("neighbours_max", 2)]
    made.hear("c", 100)
    assert made.router.routes(O) == ()


def test_records_of_strangers_are_refused() -> None:
    made = Bench()
    made.hear("x", 100)
    assert made.refusals() == ["route-no-link"]
    assert made.router.origins() == []


def test_the_cost_of_a_link_moves_every_route_over_it() -> None:
    made = Bench()
    made.up("a")
    made.hear("a", 100, origin="o1")
    made.hear("a", 300, origin="o2")
    made.rtt("a", 0.038)
    assert made.router.metric_s(node("o1")) == pytest.approx(0.030)
    assert made.router.metric_s(node("o2")) == pytest.approx(0.050)


def test_costs_of_unknown_links_and_unmoved_ones_change_nothing() -> None:
    made = Bench()
    made.up("a")
    made.hear("a", 100)
    made.take_changes()
    made.call("cost_moved", node("x"))
    made.call("cost_moved", node("a"))
    assert made.take_changes() == []


def test_our_own_burden_is_in_every_metric() -> None:
    made = Bench()
    made.up("a")
    made.hear("a", 100)
    made.call("burdened", 0.002, 1.0)
    assert made.router.metric_s(O) == pytest.approx(0.020 + 0.001 + 0.005)


def test_penalties_count() -> None:
    made = Bench()
    made.up("a", "b")
    made.hear("a", 100)
    made.hear("b", 120)
    made.penalties[node("a")] = 0.030
    made.call("cost_moved", node("a"))
    assert made.next_hop() == "b"


def test_more_offers_than_an_update_carries_are_our_own_mistake() -> None:
    with pytest.raises(StateError):
        Bench().router.offer(O, (offer(),) * (OFFERS_MAX + 1), 0.0)


def test_an_origin_offers_in_its_own_update() -> None:
    made = Bench()
    made.up("a")
    made.call("originate")
    made.call("offer", made.me, (offer(), offer(stream=OTHER_STREAM)))
    made.advance(0.01)
    (update,) = made.sent(Update)
    assert len(update.offers) == 2


def test_taking_back_an_offer_never_made_and_a_want_never_had_leaves_no_trace() -> None:
    made = Bench()
    made.call("offer", O, ())
    made.call("want", O, False)
    assert made.router.dump()["origins"] == {}


def test_there_may_be_no_room_even_for_our_own_wish() -> None:
    made = Bench(sources_max=1, local_max=1)
    made.call("want", node("o1"), True)
    made.call("want", node("o2"), True)
    with pytest.raises(LimitError, match="local_max"):
        made.router.want(node("o3"), True, made.now)


def test_strangers_that_fill_the_table_do_not_keep_us_from_publishing() -> None:
    made = Bench(sources_max=3)
    made.up("a")
    for number in range(5):
        made.hear("a", 100, origin=f"o{number}")
    made.call("originate")
    made.call("want", node("x"), True)
    assert made.me in made.router.origins()


def test_sizes_count_origins_rows_and_links() -> None:
    made = Bench()
    made.up("a", "b")
    made.hear("a", 100)
    made.hear("a", 100, origin="p")
    made.retract("a")
    assert made.router.sizes() == (2, 1, 2)


def test_changes_are_taken_once() -> None:
    made = Bench()
    made.up("a")
    made.router.receive(node("a"), update("o", 100, 1), made.now)
    assert RouteChanged(O) in made.router.take_changes()
    assert made.router.take_changes() == []


def test_the_next_timeout_changes_nothing() -> None:
    made = Bench()
    made.up("a", "b")
    made.hear("a", 100)
    assert made.router.next_timeout() == made.router.next_timeout() == made.now + 0.005
    made.router.handle_timeout(made.now)
    assert made.outbox.poll() is None


def update(origin: str, refmetric: int, seqno: int, sign: bool = True) -> Update:
    who = node(origin)
    signature = seal(who, EPOCH, seqno) if sign else b"junk"
    return Update(who, EPOCH, seqno, refmetric, 1, (), signature)


origins = st.sampled_from(["o", "p", "me"])
records: st.SearchStrategy[RoutingRecord] = st.one_of(
    st.builds(
        update, origins, st.integers(0, INFINITY), st.integers(0, 9), st.booleans()
    ),
    st.builds(
        SeqnoRequest,
        origins.map(node),
        st.sampled_from([0, EPOCH, EPOCH + 1]),
        st.integers(0, 65_535),
        st.integers(1, 31),
    ),
    st.builds(TableDigest, st.binary(min_size=8, max_size=8)),
    st.just(TableRequest()),
    st.builds(Want, origins.map(node), st.integers(1, 31)),
    st.builds(
        lambda origin, metric: Step(short_id(node(origin)), metric, 1, ()),
        origins,
        st.integers(0, INFINITY),
    ),
)
steps = st.lists(
    st.tuples(st.sampled_from("abc"), records, st.floats(0.0, 2.0)), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(steps, st.booleans())
def test_whatever_neighbours_send_nothing_is_raised_and_the_bounds_hold(
    script: list[tuple[str, RoutingRecord, float]], origin: bool
) -> None:
    made = Bench(origins_max=1, sources_max=2, local_max=1)
    made.up("a", "b", "c")
    if origin:
        made.call("originate")
    for name, record, seconds in script:
        before = made.router.distance(O)
        made.feed(name, record)
        made.advance(seconds)
        after = made.router.distance(O)
        if before is not None and after is not None and before[0] == after[0]:
            assert after[1] <= before[1]
        dump = made.router.dump()["origins"]
        assert len(dump) <= 3
        assert sum(bool(row["routes"]) for row in dump.values()) <= 1
        hop = made.router.next_hop(O)
        rows = made.router.routes(O)
        assert [r.neighbour for r in rows if r.selected] == ([hop] if hop else [])
        assert all(r.feasible for r in rows if r.selected)
