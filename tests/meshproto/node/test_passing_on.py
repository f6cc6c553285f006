"""What a brain is told by its owner, its plane and its libp2p reaches its machines."""

from __future__ import annotations

from meshproto.forwarding.relay_table import CloseStream, SetActive, Silent
from meshproto.ids import StreamId
from meshproto.outputs import Deliver, Gossip
from tests.support.brains import STREAM, couple, name, tree_of_two


def test_what_is_said_at_either_end_is_heard_at_the_other() -> None:
    brains = tree_of_two()
    brains.call(0, brains.nodes[0].say, STREAM, "chat", b"to all")
    brains.call(1, brains.nodes[1].say, STREAM, "chat", "to the publisher")
    brains.run(1.0)
    assert brains.saw(1, Deliver) == [Deliver(STREAM, False, "chat", b"to all")]
    assert brains.saw(0, Deliver) == [Deliver(STREAM, True, "chat", "to the publisher")]
    assert not brains.nodes[0].say(StreamId(bytes(16)), "chat", b"nobody", brains.now)


def test_a_publisher_that_goes_ends_its_tree() -> None:
    brains = tree_of_two()
    brains.call(0, brains.nodes[0].unpublish, STREAM)
    brains.run(3.0)
    assert brains.saw(1, SetActive)[-1] == SetActive(STREAM, None)
    assert brains.saw(0, CloseStream)


def test_a_parent_that_its_plane_finds_silent_is_left() -> None:
    brains = tree_of_two()
    brains.lose = lambda source, to: True
    said = Silent(STREAM, link_alive=False)
    brains.call(1, brains.nodes[1].plane_notice, said)
    assert brains.saw(1, SetActive)[-1] == SetActive(STREAM, None)


def test_a_stalled_neighbour_gets_its_gossip_when_it_takes_again() -> None:
    brains = couple()
    (subscribed,) = brains.saw(1, Gossip)
    assert isinstance(subscribed, Gossip)
    brains.call(0, brains.nodes[0].gossip_stalled, name(1), True)
    brains.call(0, brains.nodes[0].gossip_received, name(1), subscribed.rpc)
    brains.run(2.0)  # by now the subscriber was asked into the mesh of the topic
    held = len(brains.saw(0, Gossip))
    brains.call(0, brains.nodes[0].gossip_stalled, name(1), False)
    assert len(brains.saw(0, Gossip)) > held == 1
