"""A node as an origin (RFC 0010 section 5.1)."""

from __future__ import annotations

from meshproto.ids import NodeId
from meshproto.routing.own import Own
from meshproto.wire.control.routing import signed_part

ME = NodeId(b"this node")


def own() -> Own:
    return Own(ME, 7, lambda data: b"signed " + data, 1.0)


def test_an_origin_begins_with_a_signed_number() -> None:
    origin = own()
    assert not origin.active
    origin.begin(0.0)
    assert origin.active
    assert origin.route.version == (7, 0)
    assert origin.route.signature == b"signed " + signed_part(ME, 7, 0)
    assert (origin.route.metric, origin.route.hops) == (0, 0)


def test_a_raised_number_is_signed_anew() -> None:
    origin = own()
    origin.begin(0.0)
    assert origin.next_version() == (7, 1)
    origin.raise_number(1.0)
    assert origin.route.version == (7, 1)
    assert origin.route.signature == b"signed " + signed_part(ME, 7, 1)


def test_numbers_wrap() -> None:
    origin = own()
    origin.begin(0.0)
    origin.route.version = (7, 65_535)
    assert origin.next_version() == (7, 0)


def test_the_number_rises_at_most_once_a_second() -> None:
    origin = own()
    origin.begin(0.0)
    assert origin.may_raise_at(0.0) == 0.0
    origin.raise_number(5.0)
    assert origin.may_raise_at(5.1) == 6.0
    assert origin.may_raise_at(8.0) == 8.0


def test_beginning_again_raises_the_number_unless_it_just_rose() -> None:
    origin = own()
    origin.begin(0.0)
    origin.begin(10.0)
    assert origin.route.version == (7, 1)
    origin.begin(10.5)
    assert origin.route.version == (7, 1)
    origin.begin(11.0)
    assert origin.route.version == (7, 2)


def test_only_numbers_of_this_epoch_can_be_ahead() -> None:
    origin = own()
    origin.begin(0.0)
    assert origin.behind((7, 1))
    assert not origin.behind((7, 0))
    assert not origin.behind((8, 5))
    assert not origin.behind((6, 5))
