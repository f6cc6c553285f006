"""Parents that die, stall or are left: nothing is lost and nothing comes twice."""

from __future__ import annotations

from meshproto.forwarding import relay_table as t
from support.legs import (
    STREAM,
    LegNet,
    complete,
    joined,
    line,
    node,
    picture,
    sound,
    triangle,
)


def test_a_dead_parent_is_replaced_without_losing_a_packet() -> None:
    net = triangle()
    film = picture(), sound()
    net.film("a", 1.0, *film)
    net["b"].alive = False
    died = net.now
    net.film("a", 1.0, *film)
    c = net["c"]
    assert not c.notices(t.Silent)
    net.run(0.2)
    [(at, notice)] = [e for e in c.events if isinstance(e[1], t.Activated)]
    assert notice.parent == node("x")
    assert at - died < 0.1
    assert [n.child for n in net["x"].notices(t.LegActivated)] == [node("c")]
    assert complete(c, *film)


def test_an_activation_that_got_lost_is_said_again() -> None:
    net = triangle()
    film = picture(), sound()
    net.film("a", 1.0, *film)
    net["b"].alive = False
    lost: list[bytes] = []

    def lose(source: str, target: str, data: bytes) -> bool:
        if (source, target) == ("c", "x") and data[1] == 204 and len(lost) < 2:
            lost.append(data)
            return True
        return False

    net.lose = lose
    net.film("a", 1.0, *film)
    net.run(0.2)
    assert len(lost) == 2
    assert complete(net["c"], *film)


def test_a_parent_that_lives_but_has_nothing_is_not_left() -> None:
    net = LegNet("a", "b", "c")
    net.origin("a")
    for parent, child in (("a", "b"), ("b", "c")):
        net.link(parent, child)
        net.relay(child)
    joined(net, "a", "b", "c")
    film = picture(), sound()
    net.film("a", 0.5, *film)
    net.lose = lambda source, target, data: source == "a"
    net.film("a", 0.5, *film)
    assert net["c"].notices(t.Silent) == [t.Silent(STREAM, link_alive=True)]
    net.lose = lambda source, target, data: source in "ab"
    net.run(0.5)
    told = net["c"].notices(t.Silent)
    assert told == [t.Silent(STREAM, True), t.Silent(STREAM, False)]
    net.lose = lambda source, target, data: False
    net.film("a", 0.5, *film)
    [flowing] = net["c"].notices(t.Flowing)
    assert flowing.parent == node("b")


def test_the_origin_tells_when_its_publisher_pauses() -> None:
    net = line("a", "b")
    joined(net, "a", "b")
    film = picture(), sound()
    net.film("a", 0.5, *film)
    net.run(1.0)
    assert net["a"].notices(t.Silent) == [t.Silent(STREAM, link_alive=False)]
    net.film("a", 0.2, *film)
    assert len(net["a"].notices(t.Flowing)) == 2
    # and below, the link lives
    assert net["b"].notices(t.Silent) == [t.Silent(STREAM, link_alive=True)]


def test_a_move_begins_with_the_first_new_packet_of_the_new_leg() -> None:
    net = triangle()
    film = picture(), sound()
    net["c"].do(t.SetSecond(STREAM, None))
    net["x"].do(t.CloseLeg(STREAM, node("c")))
    net.delays["x", "c"] = 0.002
    net.film("a", 0.5, *film)
    held = net["c"].forwarder.stream_history(STREAM)
    assert held is not None
    net.joining("x", "c", 0x6000, held[1] + 1)
    net.film("a", 0.3, *film)
    [first] = net["c"].notices(t.FirstNew)
    assert first.parent == node("x")
    assert first.sequence > held[1]
    net["c"].do(t.SetActive(STREAM, node("x"), 0x6000, held[1] + 1))
    net["b"].do(t.CloseLeg(STREAM, node("c")))
    net.film("a", 0.5, *film)
    assert not net["c"].notices(t.Silent, t.NothingNew)
    net.run(0.1)
    assert complete(net["c"], *film)


def test_a_slower_leg_says_so_and_a_pause_of_the_old_one_proves_it() -> None:
    net = triangle()
    film = picture(), sound()
    net["c"].do(t.SetSecond(STREAM, None))
    net["x"].do(t.CloseLeg(STREAM, node("c")))
    net.delays["x", "c"] = 0.06
    net.film("a", 0.5, *film)
    held = net["c"].forwarder.stream_history(STREAM)
    assert held is not None
    net.joining("x", "c", 0x6000, held[1] + 1)
    net.film("a", 0.4, *film)
    c = net["c"]
    assert not c.notices(t.FirstNew)
    [nothing] = c.notices(t.NothingNew)
    assert nothing.parent == node("x")
    assert nothing.lead > 0
    after = nothing.newest + nothing.lead + 60
    net["b"].do(t.SetLeg(STREAM, node("c"), 0xFF, pause_after=after))
    net.film("a", 0.8, *film)
    [first] = c.notices(t.FirstNew)
    assert first.sequence == after + 1
    net["b"].do(t.SetLeg(STREAM, node("c"), 0xFF))
    net.film("a", 0.3, *film)
    net.run(0.1)
    assert complete(c, *film)
    assert max(hop.counters().get("stale", 0) for hop in (c, net["b"])) == 0


def test_two_legs_at_once_bring_each_packet_once() -> None:
    net = triangle()
    net["x"].do(t.CloseLeg(STREAM, node("c")))
    net["c"].do(t.SetSecond(STREAM, node("x"), t.Second.DUAL, 0x6000, 0))
    net["x"].do(t.OpenLeg(STREAM, node("c"), 0x6000, 1))
    film = picture(), sound()
    net.film("a", 1.0, *film)
    net["b"].alive = False
    net.film("a", 1.0, *film)
    net.run(0.1)
    assert complete(net["c"], *film)
    assert [n.parent for n in net["c"].notices(t.Activated)] == [node("x")]
