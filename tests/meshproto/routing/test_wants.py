"""Origins beyond the limit of the table (RFC 0010 section 8)."""

from __future__ import annotations

from meshproto.wire.control.routing import Update, Want
from support.routing import Bench, node, offer


def full(*names: str) -> Bench:
    """A bench whose table of two origins is full."""
    made = Bench(origins_max=2)
    made.up("a", "b", *names)
    made.hear("a", 100, origin="o1")
    made.hear("a", 100, origin="o2")
    made.advance(1.0)
    made.sent()
    return made


def test_a_node_with_room_never_asks_for_an_origin() -> None:
    made = Bench()
    made.up("a", "b")
    made.call("want", node("x"), True)
    made.advance(300.0)
    assert made.sent() == []


def test_a_full_node_asks_its_neighbours_for_what_it_wants() -> None:
    made = full()
    made.call("want", node("x"), True)
    assert sorted(made.records) == [
        ("a", Want(node("x"), 24)),
        ("b", Want(node("x"), 24)),
    ]


def test_a_want_is_repeated_every_minute_until_it_ends() -> None:
    made = full()
    made.call("want", node("x"), True)
    made.advance(200.0)
    assert len(made.sent(Want, "a")) == 4
    made.call("want", node("x"), False)
    made.advance(200.0)
    assert made.sent(Want) == []


def test_a_wanted_origin_is_told_to_who_wants_it() -> None:
    made = full("c")
    made.feed("c", Want(node("x"), 5))
    made.sent()
    made.hear("a", 100, origin="x")
    made.advance(0.01)
    assert node("x") in {update.origin for update in made.sent(Update, "c")}


def test_a_want_for_something_unknown_is_passed_on_but_not_back() -> None:
    made = full()
    made.feed("b", Want(node("x"), 5))
    assert made.records == [("a", Want(node("x"), 4))]


def test_a_want_for_something_known_is_not_passed_on() -> None:
    made = full()
    made.feed("b", Want(node("o1"), 5))
    assert made.sent(Want) == []


def test_the_last_hop_of_a_want_is_not_passed_on() -> None:
    made = full()
    made.feed("b", Want(node("x"), 1))
    assert made.sent() == []


def test_wants_that_go_round_are_passed_on_once() -> None:
    made = full("c")
    for name in ("a", "b", "c", "a", "b"):
        made.feed(name, Want(node("x"), 20))
    assert len(made.sent(Want)) == 2


def test_a_want_of_a_neighbour_ends_when_it_is_not_repeated() -> None:
    made = full()
    made.feed("b", Want(node("o1"), 5))
    made.call("want", node("x"), True)
    made.hear("a", 100, origin="x")
    assert set(made.router.origins()) == {node("o1"), node("x")}
    made.advance(160.0)
    made.call("want", node("y"), True)
    made.hear("a", 100, origin="y")
    assert set(made.router.origins()) == {node("x"), node("y")}


def test_wants_of_strangers_leave_nothing_behind_where_there_is_room() -> None:
    made = Bench()
    made.up("a")
    made.feed("a", Want(node("x"), 5))
    assert made.router.dump()["origins"] == {}


def test_an_origin_that_we_make_offers_for_is_wanted() -> None:
    made = full()
    made.call("offer", node("o2"), (offer(),))
    made.call("want", node("x"), True)
    made.hear("a", 100, origin="x")
    assert set(made.router.origins()) == {node("o2"), node("x")}


def test_a_forgotten_want_is_asked_for_anew() -> None:
    made = full()
    made.call("want", node("x"), True)
    made.call("want", node("x"), False)
    made.advance(601.0)
    made.sent()
    made.call("want", node("x"), True)
    assert len(made.sent(Want)) == 2
