"""Nodes that an operator denies get no link, whoever dials."""

from __future__ import annotations

import pytest

from meshnode.control.courier import RefusedError
from meshnode.node.guarded import Guarded
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


async def test_only_welcome_nodes_are_dialled_and_answered() -> None:
    maker = Maker()
    guarded = Guarded(maker, lambda who: who == FRIEND)
    assert await guarded.dial(peer_record(FRIEND), Purpose.OVERLAY) == "link"
    assert await guarded.answered(FRIEND, b"descriptor") == b"descriptor"
    with pytest.raises(RefusedError, match="denied"):
        await guarded.dial(peer_record(STRANGER), Purpose.TREE)
    assert await guarded.answered(STRANGER, b"descriptor") is None
    assert maker.asked == [FRIEND, FRIEND]


def test_links_that_others_dial_are_passed_on() -> None:
    maker = Maker()
    Guarded(maker, lambda _: True).on_link(print)
    assert maker.handler is print
