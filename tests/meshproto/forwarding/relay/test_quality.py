"""What a parent learns of its legs out of reports of its children."""

from __future__ import annotations

import random

import pytest

from meshproto.forwarding.relay.quality import SENT_MAX, Quality
from meshproto.wire import ccfb
from meshproto.wire.ccfb import CongestionFeedback, SourceReport
from support.legs import LegNet, complete, joined, line, picture, sound


def quality(net: LegNet, parent: str) -> Quality:
    """Of the one leg of a node."""
    [stream] = net[parent].forwarder._state.streams.values()
    [leg] = stream.legs.values()
    return leg.quality


def test_a_good_leg_has_no_loss_and_no_queue() -> None:
    net = line("a", "b")
    joined(net, "a", "b")
    net.film("a", 3.0, picture(), sound())
    found = quality(net, "a")
    assert found.reported > 300
    assert found.loss == 0
    assert found.queue_s == pytest.approx(0, abs=0.002)


def test_what_the_leg_loses_is_known_though_all_was_repaired() -> None:
    net = line("a", "b")
    joined(net, "a", "b")
    chance, film = random.Random(3), (picture(), sound())
    net.film("a", 0.2, *film)

    def lose(source: str, target: str, data: bytes) -> bool:
        rtcp = 192 <= data[1] < 224
        return source == "a" and not rtcp and chance.random() < 0.1

    net.lose = lose
    net.film("a", 5.0, *film)
    found = quality(net, "a")
    net.lose = lambda *_: False
    net.film("a", 0.3, *film)
    assert complete(net["b"], *film)
    assert found.lost / found.reported == pytest.approx(0.1, abs=0.03)
    assert found.loss == pytest.approx(0.1, abs=0.08)


def test_what_was_lost_further_up_is_no_loss_of_the_leg() -> None:
    net = line("a", "b", "c")
    joined(net, "a", "b", "c")
    chance, film = random.Random(3), (picture(), sound())
    net.lose = lambda source, target, data: source == "a" and chance.random() < 0.1
    net.film("a", 4.0, *film)
    assert quality(net, "a").lost > 20
    assert quality(net, "b").lost == 0


def test_a_queue_that_grows_is_seen_whatever_the_clocks_say() -> None:
    net = line("a", "b")
    joined(net, "a", "b")
    film = picture(), sound()
    net.film("a", 2.0, *film)
    net.late = lambda *_: 0.15
    net.film("a", 1.5, *film)
    assert quality(net, "a").queue_s == pytest.approx(0.15, abs=0.03)
    # after a while it is the path that is long, and no queue
    net.film("a", 12.0, *film)
    assert quality(net, "a").queue_s == pytest.approx(0, abs=0.01)


def test_reports_about_what_was_never_sent_have_no_effect() -> None:
    found = Quality()
    found.sent(7, 3, 1.0)
    other = SourceReport(8, 3, (1, None))
    found.heard(CongestionFeedback(1, (other,), 0), 0.05, 1.1)
    again = CongestionFeedback(1, (SourceReport(7, 3, (1, None)),), 0)
    for _ in range(2):
        found.heard(again, 0.05, 1.1)
    assert (found.reported, found.lost) == (1, 0)


def test_a_child_that_never_reports_costs_a_bounded_memory() -> None:
    found = Quality()
    for number in range(3 * SENT_MAX):
        found.sent(7, number, number / 1000)
    assert len(found._sent) == SENT_MAX
    assert found.queue_s is None


def test_malformed_reports_are_counted_and_have_no_effect() -> None:
    net = line("a", "b")
    joined(net, "a", "b")
    net.film("a", 0.5, picture(), sound())
    hop = net["a"]
    packet = CongestionFeedback(1, (SourceReport(7, 3, (1,) * 5),), 0).encode()
    broken = bytearray(packet)
    broken[14:16] = b"\xff\xff"
    hop.receive(hop.ways["b"], bytes(broken), True)
    assert hop.forwarder.stats(net.now)["drops"]["ccfb-count"] == 1
    assert ccfb.find(packet)
