"""Verbs for a driver: peers found late, introductions, farewell."""

from __future__ import annotations

from meshproto.link.events import DescriptorArrived, IntroductionFailed
from meshproto.outputs import Dial, HangUp
from support.brains import Brains


def test_a_peer_that_is_met_late_is_dialled() -> None:
    brains = Brains(2, dial=True)
    brains.run(1.0)
    brains.call(0, brains.nodes[0].meet, [brains.nodes[1].record()])
    assert [d.peer.node for d in brains.saw(0, Dial)] == [brains.names[1]]
    brains.run(2.0)
    assert brains.nodes[0].view.links.linked(brains.names[1])


def test_who_has_links_enough_dials_nobody_it_meets() -> None:
    brains = Brains(4)
    brains.link(0, 1)
    brains.link(0, 2)
    brains.run(1.0)
    before = len(brains.saw(0, Dial))
    brains.call(0, brains.nodes[0].meet, [brains.nodes[3].record()])
    assert len(brains.saw(0, Dial)) == before


def test_a_descriptor_goes_through_a_common_neighbour() -> None:
    brains = Brains(3)
    brains.link(0, 1)
    brains.link(1, 2)
    brains.run(1.0)
    first, middle, last = brains.names
    assert brains.nodes[0].introduce(last, middle, b"\1sealed", brains.now)
    brains.drain(0)
    brains.run(1.0)
    assert DescriptorArrived(first, middle, b"\1sealed") in brains.outputs[2]


def test_an_introduction_by_no_neighbour_or_to_none_fails() -> None:
    brains = Brains(3)
    brains.link(0, 1)
    brains.run(1.0)
    first, middle, last = brains.names
    assert not brains.nodes[0].introduce(middle, last, b"\1", brains.now)
    assert brains.nodes[0].introduce(last, middle, b"\1", brains.now)
    brains.drain(0)
    brains.run(1.0)
    assert IntroductionFailed(last, middle) in brains.outputs[0]
    assert first != last


def test_who_parts_says_goodbye_to_every_neighbour() -> None:
    brains = Brains(3)
    brains.link(0, 1)
    brains.link(0, 2)
    brains.run(1.0)
    near = brains.nodes[0].view.links.neighbours()
    brains.call(0, brains.nodes[0].part, near, "leaving")
    assert brains.saw(0, HangUp) == [HangUp(n, "leaving") for n in brains.names[1:]]
    assert not brains.nodes[0].view.links.neighbours()
