"""Heartbeats, keep-alives and the publisher's clock."""

from __future__ import annotations

from itertools import pairwise

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.relay import wire
from meshproto.wire import rtcp
from support.legs import PUBLISHER, STREAM, Hop, LegNet, node, picture, sound

AB = 0x1000


def parent(standby: bool = False) -> LegNet:
    net = LegNet("a", "b")
    net.link("a", "b")
    net.origin("a")
    net.relay("b")
    if standby:
        net.standby("a", "b", AB)
    else:
        net.edge("a", "b", AB)
    return net


def said(hop: Hop, kind: type) -> list[tuple[float, wire.Message]]:
    return [
        (at, message)
        for at, _, data in hop.asked
        for message in wire.messages(data)
        if isinstance(message, kind)
    ]


def reports(hop: Hop) -> list[tuple[float, rtcp.SenderReport]]:
    return [
        (at, packet)
        for at, _, data in hop.asked
        for packet in rtcp.parse(data)
        if isinstance(packet, rtcp.SenderReport)
    ]


def test_a_child_that_gets_nothing_hears_that_its_parent_lives() -> None:
    net = parent()
    net.run(0.01)
    before = len(said(net["a"], wire.KeepAlive))
    net.film("a", 0.3, sound())
    assert len(said(net["a"], wire.KeepAlive)) == before
    net.run(1.0)
    assert len(said(net["a"], wire.KeepAlive)) >= before + 30
    link = net["a"].ways["b"]
    times = [at for at, way, _ in net["a"].asked if way == link and at > net.now - 1]
    assert max(b - a for a, b in pairwise(times)) <= 0.0301


def test_nobody_without_an_active_leg_gets_keep_alives() -> None:
    net = parent(standby=True)
    net.run(1.0)
    assert not said(net["a"], wire.KeepAlive)
    net["a"].do(t.CloseLeg(STREAM, node("b")))
    net.run(1.0)
    link = net["a"].ways["b"]
    assert not [way for _, way, _ in net["a"].asked if way == link]


def test_a_standby_child_hears_the_newest_number_with_the_media() -> None:
    net = parent(standby=True)
    net.film("a", 1.0, picture(), sound())
    beats = said(net["a"], wire.Heartbeat)
    assert 30 <= len(beats) <= 67
    net.run(1.0)
    later = said(net["a"], wire.Heartbeat)[len(beats) :]
    newest = net["a"].forwarder.stream_history(STREAM)
    assert newest is not None
    assert {message for _, message in later} == {wire.Heartbeat(((AB, newest[1]),))}
    assert max(b - a for a, b in pairwise(at for at, _ in later)) <= 0.0501
    second = net["b"].forwarder._state.streams[STREAM].second
    assert second is not None
    assert second.told == newest[1]
    assert not net["a"].sent


def test_a_new_leg_gets_the_clock_at_once_and_then_each_second() -> None:
    net = LegNet("a", "b")
    net.link("a", "b")
    net.origin("a")
    net.relay("b")
    film = picture(), sound()
    net.film("a", 0.2, *film)
    for camera in film:
        net["a"].receive(PUBLISHER, camera.report(5000.0), rtcp=True)
    opened = net.now
    net.edge("a", "b", AB)
    net.film("a", 2.5, *film)
    told = reports(net["a"])
    assert {report.ssrc for _, report in told} == {AB, AB + 1}
    times = sorted({at for at, _ in told})
    assert times[0] == opened
    assert len(times) == 3


def test_a_first_report_of_the_publisher_is_passed_on_at_once() -> None:
    net = parent()
    film = picture(), sound()
    net.film("a", 1.2, *film)
    before = len(reports(net["a"]))
    net["a"].receive(PUBLISHER, film[1].report(7000.0), rtcp=True)
    net.film("a", 0.1, *film)
    told = [at for at, r in reports(net["a"])[before:] if r.ssrc == AB]
    assert len(told) == 1
    assert told[0] < net.now - 0.06


def test_without_reports_an_origin_tells_times_of_arrival_and_a_relay_nothing() -> None:
    net = LegNet("a", "b", "c")
    for one, other in (("a", "b"), ("b", "c")):
        net.link(one, other)
    net.origin("a")
    net.relay("b")
    net.relay("c")
    net.lose = lambda source, target, data: data[1] in {200, 201}
    net.edge("a", "b", AB)
    net.edge("b", "c", 0x2000)
    net.film("a", 0.5, picture(), sound())
    assert reports(net["a"])
    assert not reports(net["b"])


def test_sender_reports_come_behind_one_ssrc_of_the_link() -> None:
    net = parent()
    net.film("a", 0.5, picture(), sound())
    assert reports(net["a"])
    link = net["a"].ways["b"]
    owners = {data[4:8] for _, way, data in net["a"].asked if way == link}
    assert len(owners) == 1
