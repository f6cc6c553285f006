"""Messages from node to node: in order, bounded, and whatever comes is read totally."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.control import saying
from meshnode.control.libp2p.values import EXCHANGE_OCTETS_MAX
from meshnode.control.saying import BURST, Saying, build, parse
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from support.control_world import World, until

HELLO = Saying("green", "ann", "", "chat", "good evening \u2603")
words = st.text(max_size=40)


@given(st.builds(Saying, words, words, words, words, words | st.binary(max_size=99)))
def test_what_is_said_comes_as_it_went(one: Saying) -> None:
    payload = build(one)
    if payload is not None:  # half a surrogate pair has no octets
        assert parse(payload) == one


@given(st.binary(max_size=99))
def test_whatever_comes_is_a_message_or_a_decode_error(payload: bytes) -> None:
    with contextlib.suppress(DecodeError):
        parse(payload)


def test_what_is_too_long_for_an_exchange_is_refused() -> None:
    longest = "x" * (saying.OCTETS_MAX - 40)
    payload = build(HELLO._replace(data=longest))
    assert payload is not None
    assert len(payload) <= EXCHANGE_OCTETS_MAX
    assert build(HELLO._replace(data="x" * saying.OCTETS_MAX)) is None
    assert build(HELLO._replace(data="\ud800")) is None


async def test_messages_arrive_in_order_at_who_is_meant() -> None:
    world = World()
    try:
        ann = await world.node()
        ben = await world.node(ann)
        cyd = await world.node(ann)
        await until(lambda: ann.knows(ben.node) and ann.knows(cyd.node), "known")
        heard: list[tuple[NodeId, Saying]] = []
        other: list[object] = []
        ben.sayings.hear = lambda node, one: heard.append((node, one))
        cyd.sayings.hear = lambda node, one: other.append(one)
        said = [HELLO._replace(data=f"{n}") for n in range(saying.WAITING_MAX)]
        for one in said:
            assert ann.tell_node(ben.node, one)
        assert not ann.tell_node(ben.node, HELLO), "no more may wait"
        await until(lambda: len(heard) == len(said), "all")
        assert heard == [(ann.node, one) for one in said]
        assert other == []
        assert ann.sayings.counts == {"said": len(said), "too-many": 1}
        world.host(ben).reachable = False
        world.host(ann).disconnect(ben.node)
        assert ann.tell_node(ben.node, HELLO)
        await until(lambda: ann.sayings.counts["lost"] == 1, "lost, and counted")
    finally:
        await world.close()


async def test_who_says_too_much_is_not_heard() -> None:
    world = World()
    try:
        ann = await world.node()
        heard: list[Saying] = []
        ann.sayings.hear = lambda _node, one: heard.append(one)
        payload, stranger = build(HELLO), NodeId(b"\1" * 38)
        assert payload is not None
        for _ in range(3 * int(BURST)):
            ann.sayings.arrived(stranger, payload)
        assert BURST <= len(heard) < 1.5 * BURST
        assert ann.sayings.counts["flood"] == 3 * BURST - len(heard)
        with pytest.raises(DecodeError):
            ann.sayings.arrived(NodeId(b"\2" * 38), payload[:-1])
    finally:
        await world.close()
