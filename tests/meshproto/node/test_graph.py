"""Links of trees that become links of the graph, at both ends."""

from __future__ import annotations

from dataclasses import replace

from meshproto.config.overlay import OverlayConfig
from meshproto.ids import StreamId
from meshproto.link.events import LinkLost
from meshproto.node import NodeConfig
from meshproto.outputs import Dial, Gossip, HangUp, Purpose
from support.brains import Brains, name

STREAM = StreamId(b"a stream of test")
RATES = (2_000_000,)


def gossiping(brains: Brains) -> None:
    """Carry what both brains gossip, as libp2p does beside the links."""
    for number in (0, 1):
        for output in brains.saw(number, Gossip):
            assert isinstance(output, Gossip)
            far = 1 - number
            verb = brains.nodes[far].gossip_received
            brains.call(far, verb, name(number), output.rpc)
        brains.outputs[number] = [
            o for o in brains.outputs[number] if not isinstance(o, Gossip)
        ]


def ends(brains: Brains, outbound: Purpose, inbound: Purpose) -> None:
    """One link that is not the same to both ends: two dials had crossed."""
    _, there = brains.link(0, 1, outbound, known=False)
    verb = brains.nodes[1].link_up
    brains.call(1, verb, there, name(0), 0.02, False, inbound)


def test_a_link_of_trees_is_adopted_where_links_are_missing_and_routes_follow() -> None:
    brains = Brains(3)
    brains.link(0, 2)
    brains.link(1, 2)
    brains.link(0, 1, Purpose.TREE)
    for number in (0, 1):
        brains.call(number, brains.nodes[number].publish, STREAM, RATES)
    brains.run(1.0)
    assert brains.nodes[0].next_hop(name(1)) == name(2)
    brains.run(15.0)
    assert brains.nodes[0].next_hop(name(1)) == name(1)
    assert brains.nodes[1].next_hop(name(0)) == name(0)
    # why so long: an end that thought it a link of trees would have closed it as idle
    brains.run(60.0)
    assert not brains.saw(0, LinkLost)
    assert not brains.saw(1, LinkLost)


def test_of_two_dials_that_crossed_the_one_for_the_graph_counts() -> None:
    for outbound, inbound in (
        (Purpose.OVERLAY, Purpose.TREE),
        (Purpose.TREE, Purpose.OVERLAY),
    ):
        brains = Brains(2)
        for number in (0, 1):
            brains.call(number, brains.nodes[number].publish, STREAM, RATES)
        ends(brains, outbound, inbound)
        brains.run(1.0)
        assert brains.nodes[0].next_hop(name(1)) == name(1)
        assert brains.nodes[1].next_hop(name(0)) == name(0)


def test_gossip_is_a_sign_where_there_are_no_routes_to_tell() -> None:
    brains = Brains(2)
    ends(brains, Purpose.TREE, Purpose.OVERLAY)
    brains.run(0.5)
    assert brains.saw(1, Gossip)
    assert not brains.saw(0, Gossip)
    gossiping(brains)
    brains.run(0.5)
    assert brains.saw(0, Gossip)


def test_gossip_that_came_before_the_link_is_a_sign_too() -> None:
    brains = Brains(2)
    _, there = brains.link(0, 1, Purpose.OVERLAY, known=False)
    brains.call(1, brains.nodes[1].gossip_received, name(0), b"")
    verb = brains.nodes[1].link_up
    brains.call(1, verb, there, name(0), 0.02, False, Purpose.TREE)
    brains.run(0.5)
    assert brains.saw(1, Gossip)


def test_a_dial_of_the_graph_that_a_tree_forestalled_is_not_forgotten() -> None:
    brains = Brains(2)
    record = brains.nodes[1].record()
    brains.call(0, brains.nodes[0].meet, [record])
    dials = [d for d in brains.saw(0, Dial) if isinstance(d, Dial)]
    assert [d.purpose for d in dials] == [Purpose.OVERLAY]
    brains.call(1, brains.nodes[1].publish, STREAM, RATES)
    brains.call(0, brains.nodes[0].publish, STREAM, RATES)
    brains.link(0, 1, Purpose.TREE)
    brains.run(1.0)
    assert brains.nodes[0].next_hop(name(1)) == name(1)
    assert brains.nodes[1].next_hop(name(0)) == name(0)


def full_brains(links_over: int) -> Brains:
    """Two that have no place at all; the link is one of the graph to the first."""
    nothing = OverlayConfig(links_accept=0, thin_accept=0, links_over=links_over)
    brains = Brains(2, replace(NodeConfig(), overlay=nothing))
    for number in (0, 1):
        brains.call(number, brains.nodes[number].publish, STREAM, RATES)
    ends(brains, Purpose.OVERLAY, Purpose.TREE)
    brains.run(1.0)
    return brains


def test_whoever_has_nobody_else_stays_beyond_the_room_of_its_host() -> None:
    brains = full_brains(links_over=1)
    # what was said before it was kept is made up for by the next comparison
    brains.run(40.0)
    assert brains.nodes[1].next_hop(name(0)) == name(0)
    assert not brains.saw(0, HangUp)


def test_who_has_no_room_for_one_more_link_says_so() -> None:
    brains = full_brains(links_over=0)
    assert brains.nodes[1].next_hop(name(0)) is None
    brains.run(5.0)
    ended = [o.reason for o in brains.saw(0, HangUp) if isinstance(o, HangUp)]
    assert ended[:1] == ["guest"] or ended[:1] == ["full"]
