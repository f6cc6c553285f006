"""Networks and operators are counted, private addresses are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.overlay.families import Families, keys_of, prefix_of
from meshproto.wire.control.peer import MediaAddress
from support.overlay_parts import record


def v4(text: str) -> bytes:
    return bytes(int(part) for part in text.split("."))


def test_a_v4_network_is_a_24_and_a_v6_network_a_48() -> None:
    assert prefix_of(v4("20.1.2.3"), False) == v4("20.1.2.3")[:3]
    six = bytes.fromhex("2a001450400100010000000000000001")
    assert prefix_of(six, False) == six[:6]


@pytest.mark.parametrize("text", ["10.1.2.3", "127.0.0.1", "192.168.1.1", "172.16.0.1"])
def test_private_addresses_count_only_on_request(text: str) -> None:
    assert prefix_of(v4(text), False) == b""
    assert prefix_of(v4(text), True) == v4(text)[:3]


def test_an_address_of_odd_length_has_no_network() -> None:
    assert prefix_of(b"12345", True) == b""


def test_keys_are_the_networks_and_the_operator() -> None:
    peer = record(1, media=MediaAddress(v4("20.1.2.3"), 1), operator="one")
    assert keys_of(peer, False) == (v4("20.1.2.3")[:3], "one")
    assert keys_of(record(2), False) == (bytes([20, 0, 2]),)


def test_a_full_network_and_a_full_operator_are_named() -> None:
    families = Families(per_prefix=1, per_operator=2)
    families.add((b"abc", "one"))
    assert families.full((b"abc",)) == "prefix"
    assert families.full((b"abd", "one")) is None
    families.add((b"abd", "one"))
    assert families.full((b"abe", "one")) == "operator"
    families.remove((b"abc", "one"))
    assert families.full((b"abc", "one")) is None


@given(st.lists(st.tuples(st.binary(min_size=3, max_size=3)), max_size=30))
def test_what_is_removed_leaves_no_trace(keys: list[tuple[bytes]]) -> None:
    families = Families(1, 1)
    for key in keys:
        families.add(key)
    for key in keys:
        families.remove(key)
    assert not families._counts
