"""How a starved node gets a newer number (RFC 0010 section 5.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.routing.distance import INFINITY, Distance, feasible
from meshproto.routing.events import SeqnoRaised, Starved
from meshproto.routing.requests import Verdict, judge, needed
from meshproto.routing.table import Heard
from meshproto.wire.control.routing import SeqnoRequest, Update
from support.routing import EPOCH, Bench, asks, node

O = node("o")  # noqa: E741


def request(seqno: int, hops: int = 10, origin: str = "o") -> SeqnoRequest:
    return SeqnoRequest(node(origin), EPOCH, seqno, hops)


def bench(*names: str) -> Bench:
    """A route over "a" with metric 200 that the others were told."""
    made = Bench()
    made.up("a", "b", *names)
    made.hear("a", 100)
    made.advance(0.2)
    made.sent()
    made.events.clear()
    return made


# -- asking ---------------------------------------------------------------------------


def test_a_starved_node_asks_who_still_offers_something() -> None:
    made = bench()
    made.hear("b", 300)
    made.down("a")
    assert asks(made.sent(to="b")) == [(2, 24)]
    assert Starved(O) in made.events


def test_nobody_is_asked_while_there_is_a_feasible_route() -> None:
    made = bench("c")
    made.hear("b", 199)
    made.hear("c", 5_000)
    made.down("a")
    assert asks(made.sent()) == []


def test_nobody_is_asked_when_nobody_offers_anything() -> None:
    made = bench()
    made.down("a")
    made.advance(60.0)
    assert asks(made.sent()) == []
    assert Starved(O) not in made.events


def test_at_most_three_are_asked_the_best_first() -> None:
    made = bench("c", "d", "e")
    for name, refmetric in (("b", 900), ("c", 300), ("d", 500), ("e", 400)):
        made.hear(name, refmetric)
    made.down("a")
    records = [n for n, r in made.records if isinstance(r, SeqnoRequest)]
    assert records == ["c", "e", "d"]


def test_a_request_is_repeated_with_doubling_pauses_up_to_ten_seconds() -> None:
    made = bench()
    made.hear("b", 300)
    made.down("a")
    made.sent()
    times = []
    start = made.now
    for _ in range(600):
        made.advance(0.1)
        times += [made.now - start for _ in asks(made.sent())]
    pauses = [b - a for a, b in zip([0.0, *times], times, strict=False)]
    expected = [0.3, 0.6, 1.2, 2.4, 4.8, 9.6, 10.0, 10.0, 10.0, 10.0]
    assert pauses == pytest.approx(expected, abs=0.11)


def test_a_newer_number_ends_the_asking() -> None:
    made = bench()
    made.hear("b", 300)
    made.down("a")
    made.sent()
    made.hear("b", 300, seqno=2)
    assert made.next_hop() == "b"
    made.advance(60.0)
    assert asks(made.sent()) == []


def test_asking_ends_when_the_last_offer_is_gone() -> None:
    made = bench()
    made.hear("b", 300)
    made.down("a")
    made.retract("b")
    made.sent()
    made.advance(60.0)
    assert asks(made.sent()) == []


def test_an_offer_that_comes_while_we_are_starved_is_asked_within_a_moment() -> None:
    made = bench("c")
    made.hear("b", 300)
    made.down("a")
    made.advance(30.0)
    made.sent()
    made.hear("c", 400)
    made.advance(0.31)
    assert asks(made.sent(to="c")) == [(2, 24)]


def test_a_node_that_had_no_route_asks_when_an_unfeasible_one_appears() -> None:
    made = bench()
    made.retract("a")
    made.advance(1.0)
    made.sent()
    made.hear("b", 300)
    assert asks(made.sent(to="b")) == [(2, 24)]


def test_a_much_better_unfeasible_route_is_asked_for_and_the_old_one_kept() -> None:
    made = bench()
    made.rtt("a", 0.400)
    made.advance(0.2)
    made.sent()
    made.hear("b", 300)
    assert made.next_hop() == "a"
    assert asks(made.sent(to="b")) == [(2, 24)]
    made.hear("b", 300, seqno=2)
    assert made.next_hop() == "b"


def test_an_unfeasible_route_is_asked_for_when_the_selected_one_gets_worse() -> None:
    made = bench()
    made.hear("b", 210)
    assert asks(made.sent()) == []
    made.rtt("a", 0.400)
    assert made.next_hop() == "a"
    assert asks(made.sent(to="b")) == [(2, 24)]


def test_who_is_closer_with_an_older_number_is_asked_for_the_number_we_have() -> None:
    made = bench("c")
    made.hear("b", 150)
    made.feed("c", request(2))
    made.hear("a", 100, seqno=2)  # told to c: the distance is of number 2 now
    made.sent()
    made.down("a")
    assert asks(made.sent(to="b")) == [(2, 24)]
    made.hear("b", 150, seqno=2)
    assert made.next_hop() == "b"


@given(
    st.tuples(st.integers(0, 2), st.integers(0, 65_535)),
    st.integers(1, 1_000),
    st.tuples(st.integers(0, 2), st.integers(0, 65_535)),
    st.integers(0, 1_000),
)
def test_what_is_asked_for_would_make_the_row_feasible(
    version: tuple[int, int], metric: int, told: tuple[int, int], refmetric: int
) -> None:
    distance, row = Distance(version, metric), Heard(O, node("b"))
    row.version, row.refmetric = told, refmetric
    assert feasible(distance, needed(distance, row), refmetric)


def test_a_temptation_is_given_up_after_some_tries() -> None:
    made = bench()
    made.rtt("a", 0.400)
    made.hear("b", 300)
    made.advance(120.0)
    assert len(asks(made.sent(to="b"))) == made.config.request_tries
    assert made.router.next_timeout() is None


def test_a_temptation_that_became_starvation_is_asked_for_at_once() -> None:
    made = bench("c")
    made.rtt("a", 0.400)
    made.hear("b", 300)
    made.hear("c", 5_000)
    made.sent()
    made.down("a")
    assert asks(made.sent()) == [(2, 24), (2, 24)]


def test_a_slightly_better_unfeasible_route_is_not_worth_a_request() -> None:
    made = bench()
    made.rtt("a", 0.060)
    made.hear("b", 280)
    assert asks(made.sent()) == []


# -- being asked ----------------------------------------------------------------------


def test_who_has_a_route_that_is_new_enough_answers() -> None:
    made = bench()
    made.hear("a", 100, seqno=2)
    made.feed("b", request(2))
    (update,) = made.sent(Update, "b")
    assert (update.seqno, update.refmetric) == (2, 200)


def test_who_has_an_older_route_passes_the_request_to_its_next_hop() -> None:
    made = bench()
    made.feed("b", request(2, hops=10))
    assert asks(made.sent(to="a")) == [(2, 9)]


def test_the_last_hop_of_a_request_is_not_passed_on() -> None:
    made = bench()
    made.feed("b", request(2, hops=1))
    assert made.sent() == []


def test_a_request_never_goes_back_to_who_asked() -> None:
    made = bench("c")
    made.hear("c", 250)
    made.feed("a", request(2))
    assert asks(made.sent(to="a")) == []
    made.feed("a", request(3))
    assert asks(made.sent(to="c")) == [(3, 9)]


def test_a_starved_node_passes_requests_on_too() -> None:
    made = bench("c")
    made.hear("c", 250)
    made.down("a")
    made.sent()
    made.feed("b", request(2))
    assert asks(made.sent(to="c")) == [(2, 9)]


def test_the_same_request_is_passed_on_once_in_a_quarter_of_a_second() -> None:
    made = bench("c", "d")
    for name in ("b", "c", "d"):
        made.feed(name, request(2))
    assert len(asks(made.sent())) == 1
    made.advance(0.26)
    made.feed("b", request(2))
    assert len(asks(made.sent())) == 1


def test_everybody_who_asked_is_answered_when_the_number_comes_and_nobody_else() -> (
    None
):
    made = bench("c", "d")
    made.feed("b", request(2))
    made.feed("c", request(2))
    made.sent()
    made.hear("a", 100, seqno=2)
    assert sorted(made.sent_to()) == ["b", "c"]


def test_an_answer_that_is_still_too_old_is_not_passed_on() -> None:
    made = bench()
    made.feed("b", request(3))
    made.sent()
    made.hear("a", 100, seqno=2)
    assert made.sent(to="b") == []
    made.hear("a", 100, seqno=3)
    assert [update.seqno for update in made.sent(Update, "b")] == [3]


def test_who_asked_is_forgotten_after_ten_seconds() -> None:
    made = bench()
    made.feed("b", request(2))
    made.sent()
    made.advance(11.0)
    made.hear("a", 100, seqno=2)
    made.advance(0.2)
    assert made.sent(Update, "b") == []


def test_who_asked_and_left_is_not_answered() -> None:
    made = bench()
    made.feed("b", request(2))
    made.down("b")
    made.sent()
    made.hear("a", 100, seqno=2)
    assert made.sent() == []


def test_requests_about_unknown_origins_and_at_thin_nodes_have_no_effect() -> None:
    made = bench()
    made.feed("b", request(2, origin="x"))
    made.call("relaying", False)
    made.feed("b", request(2))
    assert asks(made.sent()) == []


# -- the origin -----------------------------------------------------------------------


def origin() -> Bench:
    made = Bench()
    made.up("a", "b")
    made.call("originate")
    made.advance(2.0)
    made.sent()
    return made


def test_the_origin_raises_its_number_by_one_and_answers_who_asked() -> None:
    made = origin()
    made.feed("a", request(1, origin="me"))
    updates = made.sent(Update)
    assert [(u.seqno, u.refmetric, u.hops) for u in updates] == [(1, 0, 0)]
    assert updates[0].signature
    assert SeqnoRaised(1) in made.events


def test_a_request_far_ahead_still_raises_the_number_by_one() -> None:
    made = origin()
    made.feed("a", request(20, origin="me"))
    assert [update.seqno for update in made.sent(Update, "a")] == [1]


def test_the_origin_answers_with_the_number_it_has_if_that_is_enough() -> None:
    made = origin()
    made.feed("a", request(0, origin="me"))
    assert [update.seqno for update in made.sent(Update, "a")] == [0]


def test_a_flood_of_requests_raises_the_number_once_a_second() -> None:
    made = origin()
    for number in range(300):
        made.feed("a" if number % 2 else "b", request(number + 1, origin="me"))
        made.advance(0.01)
    made.advance(2.0)
    raised = [event for event in made.events if isinstance(event, SeqnoRaised)]
    assert 3 <= len(raised) <= 5


def test_a_request_that_had_to_wait_is_answered_when_the_second_is_over() -> None:
    made = origin()
    made.feed("a", request(1, origin="me"))
    made.feed("b", request(2, origin="me"))
    assert [update.seqno for update in made.sent(Update)] == [1]
    made.advance(1.01)
    assert [update.seqno for update in made.sent(Update, "b")] == [2]


def test_a_request_for_another_epoch_is_answered_with_ours() -> None:
    made = origin()
    made.feed("a", SeqnoRequest(made.me, EPOCH - 5, 700, 10))
    (update,) = made.sent(Update, "a")
    assert (update.epoch, update.seqno) == (EPOCH, 0)


def test_who_is_no_origin_any_more_does_not_answer() -> None:
    made = origin()
    made.feed("a", request(1, origin="me"))
    made.feed("a", request(2, origin="me"))
    made.call("withdraw")
    made.advance(5.0)
    metrics = [update.refmetric for update in made.sent(Update, "a")]
    assert metrics == [0, INFINITY]
    made.feed("a", request(3, origin="me"))
    assert made.sent() == []


@given(
    st.none() | st.tuples(st.integers(0, 2), st.integers(0, 65_535)),
    st.tuples(st.integers(0, 2), st.integers(0, 65_535)),
    st.integers(1, 24),
)
def test_a_request_is_answered_or_loses_a_hop(
    held: tuple[int, int] | None, wanted: tuple[int, int], hops: int
) -> None:
    verdict = judge(held, wanted, hops)
    if held is None:
        assert verdict is not Verdict.ANSWER
    if hops == 1:
        assert verdict is not Verdict.FORWARD
    if held == wanted:
        assert verdict is Verdict.ANSWER
