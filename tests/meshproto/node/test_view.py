"""What the machines may ask of one another."""

from __future__ import annotations

from meshproto.node.view import prefix


def test_a_prefix_is_what_one_site_shares() -> None:
    assert prefix(bytes([192, 0, 2, 9])) == bytes([192, 0, 2])
    assert prefix(bytes(range(16))) == bytes(range(6))
    assert prefix(b"") == b""
