"""What is kept of one link."""

from __future__ import annotations

from meshproto.config.link import LinkConfig
from meshproto.ids import LinkId, NodeId
from meshproto.link.greeting import State
from meshproto.link.neighbour import Neighbour
from meshproto.link.quality import NEVER
from meshproto.wire.control.frame import Frame
from meshproto.wire.control.link import Hello

NODE = NodeId(b"n" * 38)
HELLO = Hello(1, 1, 6, NODE, 1_000, 70, 0.0)


def neighbour() -> Neighbour:
    return Neighbour(LinkConfig(), LinkId(3), NODE, 0.1, session=50, now=10.0)


def test_at_first_it_greets_and_is_bound_to_nobody() -> None:
    peer = neighbour()
    assert peer.state is State.GREETING
    assert peer.hello_at == peer.due_at() == 10.0
    assert not peer.fits(Frame(1, 70, 50, 1))


def test_a_hello_binds_it_to_a_life_of_the_other_end() -> None:
    peer = neighbour()
    peer.bind(HELLO, 1)
    assert peer.life == (1_000, 70)
    assert peer.capabilities == 6
    assert peer.fits(Frame(1, 70, 50, 1))
    assert not peer.fits(Frame(1, 71, 50, 1))
    assert not peer.fits(Frame(1, 70, 51, 1))
    assert not peer.fits(Frame(1, 70, 0, 1))


def test_greeting_again_drops_what_was_under_way() -> None:
    peer = neighbour()
    peer.bind(HELLO, 1)
    old = peer.channel
    peer.greet(51, 20.0)
    assert peer.channel is not old
    assert peer.channel.session == 51
    assert peer.life == (1_000, 70), "an older Hello still changes nothing"


def test_an_idle_link_has_no_deadline() -> None:
    peer = neighbour()
    peer.hello_at = NEVER
    assert peer.due_at() == NEVER
    peer.channel.ack_at = 12.0
    assert peer.due_at() == 12.0


def test_failing_checks_give_it_one() -> None:
    peer = neighbour()
    peer.hello_at = NEVER
    for _ in range(4):
        peer.quality.missed()
    assert peer.due_at() == 16.0
    peer.tree = True
    assert peer.due_at() == 10.75


def test_introductions_are_rationed() -> None:
    peer = neighbour()
    allowed = sum(peer.may_introduce(10.0) for _ in range(100))
    assert allowed == LinkConfig().introductions_burst
    assert peer.may_introduce(11.0)


def test_its_repr_says_state_and_whom() -> None:
    assert repr(neighbour()) == "<link 3 greeting to 6e6e6e6e>"
