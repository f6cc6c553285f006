"""Nodes that an operator denies get no link, whoever dials."""

from __future__ import annotations

import pytest

from meshnode.control.courier import RefusedError
from meshnode.node.guarded import Guarded, accepting
from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from support.tree_bench import node, peer_record

FRIEND, STRANGER = node(1), node(2)


class Maker:
    def __init__(self) -> None:
        self.asked: list[NodeId] = []
        self.handler = None

    async def dial(self, peer, purpose):
        self.asked.append(peer.node)
        return "link"

    async def answered(self, source, payload):
        self.asked.append(source)
        return payload

    def on_link(self, handler):
        self.handler = handler


async def test_only_welcome_nodes_are_dialled() -> None:
    maker = Maker()
    guarded = Guarded(maker, lambda who: who == FRIEND)
    assert await guarded.dial(peer_record(FRIEND), Purpose.OVERLAY) == "link"
    with pytest.raises(RefusedError, match="denied"):
        await guarded.dial(peer_record(STRANGER), Purpose.TREE)
    assert maker.asked == [FRIEND]


def test_only_welcome_nodes_are_accepted_and_then_judged_as_usual() -> None:
    accepts = accepting(lambda peer, purpose: "full", lambda who: who == FRIEND)
    assert accepts(peer_record(FRIEND), Purpose.TREE) == "full"
    assert accepts(peer_record(STRANGER), Purpose.TREE) == "denied"


async def test_what_others_ask_is_answered_by_the_maker() -> None:
    guarded = Guarded(Maker(), lambda _: False)
    assert await guarded.answered(STRANGER, b"descriptor") == b"descriptor"


def test_links_that_others_dial_are_passed_on() -> None:
    maker = Maker()
    Guarded(maker, lambda _: True).on_link(print)
    assert maker.handler is print
