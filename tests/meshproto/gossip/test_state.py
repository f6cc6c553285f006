from __future__ import annotations

from meshproto.events import LimitReached, Refused
from meshproto.gossip.state import Wanted
from support.gossip import Rig, node_id


def test_a_refusal_is_an_event_with_a_label() -> None:
    rig = Rig()
    rig.router._state.refuse(node_id(1), "gossip-any")
    rig.drain()
    assert rig.events == [Refused(node_id(1), "gossip-any")]


def test_a_label_is_told_once_until_the_next_rpc_begins() -> None:
    rig = Rig()
    state = rig.router._state
    for _ in range(3):
        state.refuse(node_id(1), "gossip-any")
        state.overflow("any_max", 7)
    rig.drain()
    assert rig.events == [Refused(node_id(1), "gossip-any"), LimitReached("any_max", 7)]
    state.refused.clear()
    state.refuse(node_id(1), "gossip-any")
    rig.drain()
    assert len(rig.events) == 3


def test_wishes_are_bounded_and_taken_once() -> None:
    rig = Rig(wanted_max=2)
    wishes = [Wanted(node_id(number), b"") for number in range(3)]
    for wish in wishes:
        rig.router._state.want(wish)
    assert rig.router.take_wanted() == wishes[:2]
    assert rig.router.take_wanted() == []


def test_the_tables_have_the_limits_of_the_configuration() -> None:
    state = Rig(backoffs_max=3, promises_max=4, seen_max=5).router._state
    assert state.backoffs._maximum == 3
    assert state.promises._maximum == 4
    assert state.seen._maximum == 5
