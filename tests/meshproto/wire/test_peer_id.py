from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import peer_id

KEY = bytes.fromhex("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
TEXT = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"


def test_a_node_id_is_its_key_in_a_wrapper() -> None:
    node = peer_id.from_ed25519(KEY)
    assert len(node) == 38
    assert node == peer_id.from_public_key(peer_id.public_key_message(KEY))
    assert peer_id.ed25519_key(node) == KEY
    assert peer_id.to_text(node) == TEXT
    assert peer_id.from_text(TEXT) == node


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(DecodeError, match="peer-id-key"):
        peer_id.from_ed25519(KEY[:-1])


def test_a_long_key_is_named_by_its_hash_and_cannot_be_read_back() -> None:
    hashed = peer_id.from_public_key(b"\x08\x00" + bytes(300))
    assert hashed[:2] == b"\x12\x20"
    assert len(hashed) == 34
    with pytest.raises(DecodeError, match="peer-id-kind"):
        peer_id.ed25519_key(hashed)


@pytest.mark.parametrize(
    "peer",
    [b"", b"\x00\x24", b"\x00\x24\x08\x02\x12\x20" + KEY, bytes(38), bytes(39)],
)
def test_other_ids_hold_no_ed25519_key(peer: bytes) -> None:
    with pytest.raises(DecodeError, match="peer-id-kind"):
        peer_id.ed25519_key(peer)


def test_a_private_key_tells_its_public_one() -> None:
    private = bytes.fromhex("08011240") + bytes(32) + KEY
    assert peer_id.ed25519_from_private(private) == peer_id.public_key_message(KEY)
    for bad in (private[:-1], b"", b"\x08\x02" + private[2:], b"\x08\x01\x12\x01a"):
        with pytest.raises(DecodeError):
            peer_id.ed25519_from_private(bad)


@given(st.binary(min_size=1, max_size=42))
def test_an_id_survives_its_text(peer: bytes) -> None:
    assert peer_id.from_text(peer_id.to_text(peer)) == peer


@pytest.mark.parametrize("text", ["", "0", "O", "l", "I", "é", "1" * 65, TEXT + " "])
def test_what_is_no_base58_is_refused(text: str) -> None:
    with pytest.raises(DecodeError, match="peer-id-text"):
        peer_id.from_text(text)
