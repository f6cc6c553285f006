from __future__ import annotations

import pytest

from meshproto.errors import DecodeError, StateError
from meshproto.wire import stun
from meshproto.wire import stun_attributes as attributes
from meshproto.wire import stun_binding as binding

TRANSACTION = bytes(range(12))
KEY = b"k" * 24


def test_a_plain_request_is_just_a_header() -> None:
    assert len(binding.request(TRANSACTION, fingerprint=False)) == 20


def test_a_check_says_who_it_is_and_what_it_wants() -> None:
    datagram = binding.request(
        TRANSACTION,
        username="theirs:ours",
        key=KEY,
        priority=0x6E0001FF,
        controlling=1 << 63,
        use_candidate=True,
        extra=[(0xC057, b"\0\0\0\1")],
    )
    check = stun.decode(datagram)
    assert check.message_type == binding.REQUEST
    assert check.attributes[attributes.USERNAME] == b"theirs:ours"
    assert check.attributes[attributes.PRIORITY] == bytes.fromhex("6e0001ff")
    assert check.attributes[attributes.ICE_CONTROLLING] == b"\x80" + bytes(7)
    assert check.attributes[attributes.USE_CANDIDATE] == b""
    assert check.attributes[0xC057] == b"\0\0\0\1"
    assert check.has_fingerprint
    assert not check.unknown
    assert stun.verify(check, KEY)


def test_the_controlled_role_has_its_own_attribute() -> None:
    check = stun.decode(binding.request(TRANSACTION, controlled=7))
    assert check.attributes[attributes.ICE_CONTROLLED] == bytes(7) + b"\x07"
    assert attributes.ICE_CONTROLLING not in check.attributes


def test_a_transaction_id_has_twelve_octets() -> None:
    with pytest.raises(StateError):
        binding.request(b"short")


@pytest.mark.parametrize("address", [("192.0.2.7", 40_000), ("2001:db8::7", 1)])
def test_a_success_tells_where_the_request_came_from(address: tuple[str, int]) -> None:
    request = stun.decode(binding.request(TRANSACTION))
    reply = binding.success(request, address, key=KEY, fingerprint=True)
    read = stun.decode(reply)
    assert read.message_class == stun.SUCCESS
    assert read.transaction_id == TRANSACTION
    assert binding.mapped_address(read) == address
    assert stun.verify(read, KEY)
    assert attributes.SOFTWARE not in read.attributes


def test_the_older_plain_address_is_read_too() -> None:
    body = attributes.pack(1, bytes.fromhex("0001162ec0000201"))
    read = stun.decode(stun.encode(binding.SUCCESS, TRANSACTION, body))
    assert binding.mapped_address(read) == ("192.0.2.1", 5678)


def test_a_success_without_address_is_refused() -> None:
    with pytest.raises(DecodeError):
        binding.mapped_address(stun.decode(stun.encode(0x0101, TRANSACTION, b"")))


@pytest.mark.parametrize(
    "code", [binding.BAD_REQUEST, binding.UNAUTHENTICATED, binding.ROLE_CONFLICT]
)
def test_an_error_carries_its_code(code: int) -> None:
    request = stun.decode(binding.request(TRANSACTION))
    read = stun.decode(binding.error(request, code, fingerprint=False))
    assert read.message_class == stun.ERROR
    assert binding.error_code(read) == (code, "")
    assert attributes.UNKNOWN_ATTRIBUTES not in read.attributes


def test_420_lists_what_was_not_understood() -> None:
    request = stun.decode(
        binding.request(TRANSACTION, extra=[(0x7001, b""), (0x7002, b""), (3, b"")])
    )
    read = stun.decode(
        binding.error(request, binding.UNKNOWN_ATTRIBUTE, key=KEY, fingerprint=True)
    )
    assert read.attributes[attributes.UNKNOWN_ATTRIBUTES] == bytes.fromhex(
        "700170020003"
    )
    assert stun.verify(read, KEY)


def test_a_response_without_error_code_is_refused() -> None:
    with pytest.raises(DecodeError):
        binding.error_code(stun.decode(stun.encode(0x0111, TRANSACTION, b"")))
