"""Both readers of STUN agree on every datagram, and both servers answer the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.server import StunServer
from meshproto.wire import stun
from meshproto.wire import stun_attributes as attributes
from meshproto.wire import stun_binding as binding
from support import vectors

native = pytest.importorskip("meshnode._native", reason="extension is not built")

KEY = bytes(range(16))
PWD = b"p" * 22
KINDS = [*range(0x28), 0x7001, 0x7FFF, 0x8000, 0x8022, 0x8028, 0x8029, 0xFFFF]
parts = st.tuples(st.sampled_from(KINDS), st.binary(max_size=30))
addresses = st.tuples(
    st.sampled_from(("192.0.2.1", "192.0.2.99", "198.51.100.1", "2001:db8::1")),
    st.integers(1, 0xFFFF),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Requests and others, well sealed or not, whole or cut."""
    pieces = draw(st.lists(parts, max_size=8))
    body = b"".join(attributes.pack(kind, value) for kind, value in pieces)
    if draw(st.booleans()):  # something behind MESSAGE-INTEGRITY
        body += attributes.pack(attributes.MESSAGE_INTEGRITY, bytes(20))
        body += attributes.pack(*draw(parts))
    kind = draw(st.sampled_from((1, 1, 1, 1, 0x0011, 0x0101, 3, 0x4001)))
    key = draw(st.sampled_from((None, PWD)))
    whole = stun.encode(
        kind, bytes(range(12)), body, key=key, fingerprint=draw(st.booleans())
    )
    if draw(st.integers(0, 4)):
        return whole
    at = draw(st.integers(0, len(whole) - 1))
    return draw(
        st.sampled_from(
            (whole[:at], whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        )
    )


def in_python(datagram: bytes) -> object:
    try:
        message = stun.decode(datagram)
    except DecodeError as error:
        return error.reason
    return (
        message.message_type,
        message.transaction_id,
        message.attributes,
        list(message.unknown),
        message.integrity_offset,
        message.has_fingerprint,
    )


def in_rust(datagram: bytes) -> object:
    try:
        kind, transaction, found, unknown, integrity, fingerprint = native.stun.read(
            datagram
        )
    except ValueError as error:
        return str(error)
    found = {kind: bytes(value) for kind, value in found.items()}
    return kind, bytes(transaction), found, unknown, integrity, fingerprint


def well_formed(datagram: bytes) -> stun.Message | None:
    try:
        return stun.decode(datagram)
    except DecodeError:
        return None


@settings(max_examples=400)
@given(st.one_of(messages(), st.binary(max_size=60)))
def test_messages_are_read_alike(datagram: bytes) -> None:
    assert in_rust(datagram) == in_python(datagram)
    message = well_formed(datagram)
    if message is not None:
        for key in (PWD, b"other"):
            assert native.stun.verify(datagram, key) == stun.verify(message, key)


@given(messages(), addresses, st.sampled_from((None, PWD)), st.booleans())
def test_answers_are_the_same_octets(
    datagram: bytes, address: tuple[str, int], key: bytes | None, fingerprint: bool
) -> None:
    message = well_formed(datagram)
    if message is None:
        return
    made = native.stun.success(datagram, address, key, fingerprint)
    assert bytes(made) == binding.success(
        message, address, key=key, fingerprint=fingerprint
    )
    for code in (400, 401, 420, 487):
        made = native.stun.error(datagram, code, key, fingerprint)
        assert bytes(made) == binding.error(
            message, code, key=key, fingerprint=fingerprint
        )


@settings(max_examples=200)
@given(
    st.lists(st.tuples(messages(), addresses, st.floats(0, 0.7)), max_size=25),
    st.sampled_from((0.5, 1.0, 32.0)),
    st.integers(1, 4),
    st.sampled_from((1, 2, 64)),
)
def test_servers_answer_alike(
    steps: list[tuple[bytes, tuple[str, int], float]],
    rate: float,
    burst: int,
    slots: int,
) -> None:
    bucket = PrefixBucket(KEY, rate_per_s=rate, burst=burst, slots=slots)
    reference = StunServer(bucket)
    rust = native.stun.StunServer((KEY, rate, burst, slots))
    now = 100.0
    for datagram, address, pause_s in steps:
        now += pause_s
        reply = rust.receive(datagram, address, now)
        expected = reference.receive(datagram, address, now)
        assert (bytes(reply) if reply is not None else None) == expected
        assert rust.refused == reference.refused
        assert rust.answered == reference.answered


def test_prefixes_share_slots_alike() -> None:
    # few slots, one token each: who pushes whom out shows at once
    reference = PrefixBucket(KEY, rate_per_s=1, burst=1, slots=7)
    rust = native.stun.StunServer((KEY, 1.0, 1, 7))
    request = binding.request(bytes(12), fingerprint=False)
    for number in range(600):
        host = f"10.{number % 5}.{number * 7 % 11}.1"
        admitted = reference.take(attributes.pack_host(host), number * 0.01)
        assert (rust.receive(request, (host, 9), number * 0.01) is not None) == admitted


@pytest.mark.parametrize(
    "limits", [(KEY, 0.0, 1, 1), (KEY, 1.0, 0, 1), (KEY, 1.0, 1, 0), (b"s", 1.0, 1, 1)]
)
def test_impossible_buckets_are_refused(limits: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        native.stun.StunServer(limits)


ADAPTERS: dict[str, Callable[..., Any]] = {
    "stun.check_integrity": lambda data, key: refusing(native.stun.verify, data, key),
    "stun.check_fingerprint": lambda data: refusing(native.stun.read, data)[5],
}


def refusing(call: Callable[..., Any], *given_: Any) -> Any:
    try:
        return call(*given_)
    except ValueError as error:
        raise DecodeError(str(error)) from None


@pytest.mark.parametrize("entry", list(vectors.entries("stun.json", ADAPTERS)))
def test_public_vector(entry: dict[str, Any]) -> None:
    assert not vectors.failure(entry, ADAPTERS)


@pytest.mark.parametrize("data", list(vectors.bad_inputs("stun")))
def test_bad_messages_are_read_alike(data: bytes) -> None:
    assert in_rust(data) == in_python(data)
