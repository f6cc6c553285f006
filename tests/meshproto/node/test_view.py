"""What the machines may ask of one another."""

from __future__ import annotations

from meshproto.node.view import prefix
from meshproto.outputs import Dial, Purpose
from support.brains import Brains, name


def test_a_prefix_is_what_one_site_shares() -> None:
    assert prefix(bytes([192, 0, 2, 9])) == bytes([192, 0, 2])
    assert prefix(bytes(range(16))) == bytes(range(6))
    assert prefix(b"") == b""


def test_only_a_node_with_a_known_address_can_be_dialled() -> None:
    pair = Brains(2)
    view, record = pair.nodes[0].view, pair.nodes[1].record()
    assert not view.dial(name(1), None)
    assert view.outbox.poll() is None
    assert view.dial(record, None)
    assert view.outbox.poll() == Dial(record, Purpose.TREE, None)
