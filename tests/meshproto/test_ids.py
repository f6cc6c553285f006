"""A short id is the end of a node id."""

from __future__ import annotations

from meshproto.ids import NodeId, short_id


def test_the_short_id_is_the_last_eight_octets() -> None:
    node = NodeId(bytes(range(38)))
    assert short_id(node) == bytes(range(30, 38))


def test_a_node_id_of_the_simulator_is_its_own_short_id() -> None:
    assert short_id(NodeId(b"12345678")) == b"12345678"
