from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import stun_attributes as attributes

ADDRESSES = st.tuples(st.ip_addresses().map(str), st.integers(0, 65_535))
TRANSACTION = bytes(range(12))


@given(ADDRESSES, st.binary(min_size=12, max_size=12))
def test_a_mixed_address_survives(address: tuple[str, int], transaction: bytes) -> None:
    value = attributes.encode_xor_address(address, transaction)
    assert len(value) == (20 if ":" in address[0] else 8)
    assert attributes.decode_xor_address(value, transaction) == address


def test_mixing_hides_the_address_and_unmixing_needs_the_transaction() -> None:
    address = ("2001:db8::1", 9)
    value = attributes.encode_xor_address(address, TRANSACTION)
    assert attributes.pack_host(address[0]) not in value
    assert attributes.decode_xor_address(value, bytes(12)) != address


def test_a_zone_is_of_no_interest_to_the_other_side() -> None:
    assert attributes.pack_host("fe80::1%eth0") == attributes.pack_host("fe80::1")


def test_plain_addresses_are_read() -> None:
    four = bytes.fromhex("0001162ec0000201")
    six = bytes.fromhex("0002162e20010db8000000000000000000000001")
    assert attributes.decode_address(four) == ("192.0.2.1", 5678)
    assert attributes.decode_address(six) == ("2001:db8::1", 5678)


@pytest.mark.parametrize(
    "value", ["", "0001162ec00002", "0002162ec0000201", "0001" + "00" * 18]
)
def test_family_and_length_must_agree(value: str) -> None:
    with pytest.raises(DecodeError):
        attributes.decode_address(bytes.fromhex(value))
    with pytest.raises(DecodeError):
        attributes.decode_xor_address(bytes.fromhex(value), TRANSACTION)


@pytest.mark.parametrize("code", [300, 401, 420, 487, 699])
def test_error_codes_survive(code: int) -> None:
    assert attributes.decode_error(attributes.encode_error(code)) == (code, "")


def test_a_reason_in_broken_utf8_is_still_shown() -> None:
    assert attributes.decode_error(b"\0\0\4\1no\xff") == (401, "no\ufffd")


@pytest.mark.parametrize("value", ["", "000004", "00000201", "00000701", "00000464"])
def test_impossible_error_codes_are_refused(value: str) -> None:
    with pytest.raises(DecodeError):
        attributes.decode_error(bytes.fromhex(value))


@given(st.integers(0, 0xFFFF), st.binary(max_size=50))
def test_attributes_end_on_a_word_but_keep_their_length(
    kind: int, value: bytes
) -> None:
    packed = attributes.pack(kind, value)
    assert len(packed) % 4 == 0
    assert packed[:4] == kind.to_bytes(2, "big") + len(value).to_bytes(2, "big")
    assert packed[4:].rstrip(b"\0") == value.rstrip(b"\0")
