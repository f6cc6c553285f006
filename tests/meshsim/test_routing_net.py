"""The small world of routers, links and checkers."""

from __future__ import annotations

import pytest

from meshproto.routing.events import RouteSelected
from meshsim.routing_net import Direction, Link, Member, RoutingNet


def pair(**options: bool) -> tuple[RoutingNet, Member, Member, Link]:
    net = RoutingNet(1, **options)  # type: ignore[arg-type]
    a, b = net.add(), net.add()
    link = net.join(a, b, 0.020)
    assert link is not None
    return net, a, b, link


def rest(net: RoutingNet) -> None:
    """Deliver everything and let the timers of one second run."""
    end = net.now + 1.0
    while True:
        for direction in list(net.waiting()):
            net.deliver(direction)
        at = net.next_wake()
        if at is None or at > end:
            if not any(net.waiting()):
                return
            continue
        net.wake()


def way(link: Link, sender: Member) -> Direction:
    return next(d for d in link.directions if d.sender is sender)


def test_records_arrive_in_the_order_they_were_sent_and_only_when_delivered() -> None:
    net, a, b, link = pair()
    net.originate(a, True)
    net.wake()
    assert b.router.next_hop(a.node) is None
    assert [direction.sender for direction in net.waiting()] == [a]
    net.deliver(way(link, a))
    assert b.router.next_hop(a.node) == a.node


def test_a_line_of_members_learns_its_origin() -> None:
    net, a, b, _ = pair()
    c = net.add()
    net.join(b, c, 0.030)
    net.originate(a, True)
    rest(net)
    assert c.router.next_hop(a.node) == b.node
    assert c.router.metric_s(a.node) == pytest.approx(0.027)


def test_a_cut_link_delivers_nothing_and_its_ends_learn_of_it_one_by_one() -> None:
    net, a, b, link = pair()
    net.originate(a, True)
    rest(net)
    net.cut(link)
    assert b.router.next_hop(a.node) == a.node
    assert net.join(a, b, 0.020) is None  # neither end has noticed
    net.tell_down(way(link, b))
    assert b.router.next_hop(a.node) is None
    assert net.join(a, b, 0.020) is None
    net.tell_down(way(link, a))
    assert net.join(a, b, 0.020) is not None


def test_a_notice_about_an_old_link_does_not_end_a_new_one() -> None:
    net, a, b, link = pair()
    net.cut(link)
    for direction in link.directions:
        net.tell_down(direction)
    new = net.join(a, b, 0.020)
    net.tell_down(way(link, a))
    assert a.links[b.node] is new


def test_round_trips_can_differ_by_direction() -> None:
    net, a, b, link = pair()
    net.originate(a, True)
    rest(net)
    net.set_rtt(way(link, b), 0.200)
    assert b.router.metric_s(a.node) == pytest.approx(0.101)
    assert a.rtt_of[b.node] == 0.020


def test_a_crashed_member_comes_back_with_a_later_epoch_and_no_memory() -> None:
    net, a, b, _ = pair()
    net.originate(a, True)
    rest(net)
    (cut,) = net.crash(b)
    assert not cut.alive
    again = net.restart(b)
    assert again.epoch > b.epoch
    assert again.router.origins() == []
    assert net.by_node[b.node] is again


def test_events_are_kept_on_demand() -> None:
    net, a, b, _ = pair(keep_events=True)
    net.originate(a, True)
    rest(net)
    assert (b.node, RouteSelected(a.node, a.node, 0.011)) in net.found.events
    quiet, c, _, _ = pair()
    quiet.originate(c, True)
    rest(quiet)
    assert quiet.found.events == []


class Pointing:
    """Stands in for a router that is wrong on purpose, to see the checkers work."""

    def __init__(self, member: Member, hop: Member, metric: int = 5) -> None:
        self._real, self._hop = member.router, hop.node
        self.metric = metric

    def next_hop(self, origin: object) -> object:
        return self._hop

    def distance(self, origin: object) -> object:
        return ((1, 1), self.metric)

    def sizes(self) -> tuple[int, int, int]:
        return (10**6, 1, 1)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def test_the_checkers_see_a_loop_a_rise_and_a_full_table() -> None:
    net, a, b, link = pair()
    origin = net.add()
    net.active[origin.node] = None
    for one, other in ((a, b), (b, a)):
        one.router = Pointing(one, other)  # type: ignore[assignment]
    net._walk(a, origin.node)
    assert net.found.loops == 1
    net._watch_distance(a, origin.node)
    a.router.metric = 6  # type: ignore[attr-defined]
    net._watch_distance(a, origin.node)
    assert net.found.rises == 1
    net._check(a)
    assert net.found.overfull == 1
    assert net.found.first.startswith("loop to")
    net.cut(link)
    net._walk(a, origin.node)
    assert net.found.loops == 1  # nothing flows over a dead link
