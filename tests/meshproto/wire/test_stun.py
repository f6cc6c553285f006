from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import stun
from meshproto.wire import stun_attributes as attributes

TRANSACTION = bytes(range(12))
KEY = b"VOkJxbRl1RmTxUk/WvJxBt"

RFC_5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e20746573"
    "7420636c69656e74002400046e0001ff80290008932ff9b151263b3600060009"
    "6576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249"
    "c1b571a280280004e57a3bcf"
)


def message(*parts: tuple[int, bytes], **seals: object) -> bytes:
    body = b"".join(attributes.pack(kind, value) for kind, value in parts)
    return stun.encode(1, TRANSACTION, body, **seals)  # type: ignore[arg-type]


def reason(datagram: bytes) -> str:
    with pytest.raises(DecodeError) as refused:
        stun.decode(datagram)
    return refused.value.reason


def test_the_sample_request_of_rfc_5769() -> None:
    request = stun.decode(RFC_5769_REQUEST)
    assert request.message_class == stun.REQUEST
    assert request.method == 1
    assert request.attributes[attributes.USERNAME] == b"evtj:h6vY"
    assert request.has_fingerprint
    assert stun.verify(request, KEY)
    assert not stun.verify(request, KEY + b"x")


def test_the_sample_request_is_sealed_to_the_same_bytes() -> None:
    bare = RFC_5769_REQUEST[: -24 - 8]
    bare = bare[:2] + (len(bare) - 20).to_bytes(2, "big") + bare[4:]
    assert stun.seal(bare, key=KEY, fingerprint=True) == RFC_5769_REQUEST


@pytest.mark.parametrize(
    ("message_type", "message_class", "method"),
    [(0x0001, 0, 1), (0x0011, 1, 1), (0x0101, 2, 1), (0x0111, 3, 1), (0x3EEF, 0, 4095)],
)
def test_class_and_method_are_interleaved(
    message_type: int, message_class: int, method: int
) -> None:
    read = stun.decode(stun.encode(message_type, TRANSACTION, b""))
    assert (read.message_class, read.method) == (message_class, method)


def test_the_first_of_repeated_attributes_counts() -> None:
    read = stun.decode(message((6, b"one"), (6, b"two")))
    assert read.attributes[6] == b"one"


def test_what_follows_the_integrity_is_ignored_except_the_fingerprint() -> None:
    sealed = message((6, b"me"), key=KEY)
    late = attributes.pack(attributes.USE_CANDIDATE, b"") + attributes.pack(9, b"")
    grown = (len(sealed) - 20 + len(late)).to_bytes(2, "big")
    whole = stun.seal(
        sealed[:2] + grown + sealed[4:] + late, key=None, fingerprint=True
    )
    read = stun.decode(whole)
    assert attributes.USE_CANDIDATE not in read.attributes
    assert read.has_fingerprint
    assert stun.verify(read, KEY)


def test_unknown_attributes_are_listed_when_they_must_be_understood() -> None:
    read = stun.decode(message((0x7001, b"a"), (0x8001, b"b"), (0x0003, b"cccc")))
    assert read.unknown == (0x7001, 0x0003)


def test_without_integrity_nothing_verifies() -> None:
    assert not stun.verify(stun.decode(message((6, b"me"))), KEY)


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        (b"", "stun-short"),
        (RFC_5769_REQUEST[:19], "stun-short"),
        (b"\x40" + RFC_5769_REQUEST[1:], "stun-header"),
        (RFC_5769_REQUEST[:4] + b"\0\0\0\0" + RFC_5769_REQUEST[8:], "stun-header"),
        (RFC_5769_REQUEST[:-4], "stun-length"),
        (RFC_5769_REQUEST + b"\0\0\0\0", "stun-length"),
        (message()[:2] + b"\0\1" + message()[4:] + b"x", "stun-length"),
        (message((6, bytes(1480))), "stun-length"),
        (message()[:2] + b"\0\4" + message()[4:] + b"\0\6\0\1", "stun-attribute"),
        (RFC_5769_REQUEST[:-1] + b"\0", "stun-fingerprint"),
        (message((attributes.FINGERPRINT, b"12345678")), "stun-fingerprint"),
        (message((attributes.MESSAGE_INTEGRITY, b"short")), "stun-integrity"),
    ],
)
def test_malformed_messages_are_refused(datagram: bytes, expected: str) -> None:
    assert reason(datagram) == expected


def test_a_fingerprint_must_be_last() -> None:
    early = message(fingerprint=True)
    more = attributes.pack(6, b"me")
    length = (len(early) - 20 + len(more)).to_bytes(2, "big")
    assert reason(early[:2] + length + early[4:] + more) == "stun-fingerprint"


def test_a_right_fingerprint_that_is_not_last_is_refused_too() -> None:
    # as if the header had counted what follows already when it was made
    header = message((6, b"12345678"))[:20]
    right = (zlib.crc32(header) ^ 0x5354554E).to_bytes(4, "big")
    early = attributes.pack(attributes.FINGERPRINT, right) + b"\0\6\0\0"
    assert reason(header + early) == "stun-fingerprint"


def test_the_long_term_key_of_rfc_5769() -> None:
    key = stun.long_term_key("マトリックス", "example.org", "TheMatrIX")
    assert key.hex() == "e8ca7ad59d5eb0518e312911d2dab2a9"


PARTS = st.lists(
    st.tuples(
        st.integers(0, 0xFFFF).filter(
            lambda kind: kind not in {attributes.MESSAGE_INTEGRITY, 0x8028}
        ),
        st.binary(max_size=30),
    ),
    max_size=8,
)


@given(st.integers(0, 0x3FFF), PARTS, st.booleans(), st.booleans())
def test_what_is_sealed_is_read_and_verified(
    message_type: int, parts: list[tuple[int, bytes]], keyed: bool, fingerprint: bool
) -> None:
    body = b"".join(attributes.pack(kind, value) for kind, value in parts)
    key = KEY if keyed else None
    sealed = stun.encode(
        message_type, TRANSACTION, body, key=key, fingerprint=fingerprint
    )
    read = stun.decode(sealed)
    assert read.message_type == message_type
    assert read.transaction_id == TRANSACTION
    assert read.has_fingerprint == fingerprint
    assert stun.verify(read, KEY) == keyed
    assert {k: read.attributes[k] for k, _ in parts} == dict(reversed(parts))


@given(st.integers(0, (len(RFC_5769_REQUEST) - 8) * 8 - 1))
def test_no_flipped_bit_up_to_the_fingerprint_goes_unnoticed(bit: int) -> None:
    flipped = bytearray(RFC_5769_REQUEST)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        read = stun.decode(bytes(flipped))
    except DecodeError:
        return
    assert not stun.verify(read, KEY)


@given(st.binary(max_size=100))
def test_any_attributes_are_read_or_refused(tail: bytes) -> None:
    tail += bytes(-len(tail) % 4)
    try:
        read = stun.decode(stun.encode(1, TRANSACTION, tail))
    except DecodeError:
        return
    assert sum(4 + len(value) for value in read.attributes.values()) <= len(tail)
