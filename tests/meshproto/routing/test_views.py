"""The tables as others see them."""

from __future__ import annotations

import json

from meshproto.routing.views import Route
from meshproto.wire.control.routing import METRIC_INFINITE
from support.routing import EPOCH, OTHER_STREAM, STREAM, Bench, node, offer


def bench() -> Bench:
    made = Bench()
    made.up("a", "b")
    made.hear("a", 100, offers=(offer(), offer(stream=OTHER_STREAM)))
    made.advance(0.2)
    made.hear("b", 200, offers=(offer(slots=1),))
    return made


def test_rows_say_what_is_feasible_and_what_is_selected() -> None:
    assert bench().router.routes(node("o")) == (
        Route(node("a"), 200, 100, True, True),
        Route(node("b"), 300, 200, False, False),
    )


def test_ways_are_neighbours_with_a_route_feasible_or_not() -> None:
    made = bench()
    assert made.router.ways(node("o")) == [node("a"), node("b")]
    made.hear("b", METRIC_INFINITE)
    assert made.router.ways(node("o")) == [node("a")]


def test_offers_are_those_of_one_stream() -> None:
    router = bench().router
    assert [n for n, _ in router.offers(node("o"), STREAM)] == [node("a"), node("b")]
    assert [n for n, _ in router.offers(node("o"), OTHER_STREAM)] == [node("a")]


def test_unknown_origins_have_nothing() -> None:
    router = bench().router
    assert router.routes(node("x")) == ()
    assert router.ways(node("x")) == []
    assert router.offers(node("x"), STREAM) == []


def test_a_dump_is_plain_data() -> None:
    dump = json.loads(json.dumps(bench().router.dump()))
    assert dump["relaying"] is True
    assert dump["neighbours"] == {
        node("a").hex(): 0.01,
        node("b").hex(): 0.01,
    }
    origin = dump["origins"][node("o").hex()]
    assert origin["next_hop"] == node("a").hex()
    assert origin["metric_s"] == 0.02
    assert origin["distance"] == [[EPOCH, 1], 200]
    assert [route["feasible"] for route in origin["routes"]] == [True, False]


def test_a_dump_shows_who_is_starved() -> None:
    made = bench()
    made.down("a")
    origin = made.router.dump()["origins"][node("o").hex()]
    assert origin["next_hop"] is None
    assert origin["metric_s"] is None
    assert origin["requests"] == 1
