from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.server import StunServer
from meshproto.wire import stun
from meshproto.wire import stun_attributes as attributes
from meshproto.wire import stun_binding as binding

KEY = bytes(range(16))
TRANSACTION = bytes(range(12))
V4, V6 = ("192.0.2.1", 40_000), ("2001:db8::1", 40_000)
HEADERS = {V4: 28, V6: 48}


def server(**limits: float) -> StunServer:
    return StunServer(PrefixBucket(KEY, **limits))  # type: ignore[arg-type]


@pytest.mark.parametrize("address", [V4, V6])
def test_the_answer_is_the_address_and_nothing_else(address: tuple[str, int]) -> None:
    reply = server().receive(binding.request(TRANSACTION), address, 0.0)
    assert reply is not None
    read = stun.decode(reply)
    assert binding.mapped_address(read) == address
    assert set(read.attributes) == {
        attributes.XOR_MAPPED_ADDRESS,
        attributes.FINGERPRINT,
    }


def test_a_fingerprint_comes_only_to_who_sent_one() -> None:
    reply = server().receive(binding.request(TRANSACTION, fingerprint=False), V4, 0.0)
    assert reply is not None
    assert not stun.decode(reply).has_fingerprint


def ratio(request: bytes, address: tuple[str, int]) -> float:
    reply = server().receive(request, address, 0.0) or b""
    return (len(reply) + HEADERS[address]) / (len(request) + HEADERS[address])


@pytest.mark.parametrize(("address", "most"), [(V4, 1.25), (V6, 1.36)])
@pytest.mark.parametrize("fingerprint", [False, True])
@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=30)), max_size=10
    ).filter(lambda parts: all(kind not in {8, 0x8028} for kind, _ in parts))
)
def test_no_request_is_answered_by_much_more_than_itself(
    address: tuple[str, int],
    most: float,
    fingerprint: bool,
    extra: list[tuple[int, bytes]],
) -> None:
    request = binding.request(TRANSACTION, extra=extra, fingerprint=fingerprint)
    assert ratio(request, address) <= most


def test_attributes_that_must_be_understood_are_refused() -> None:
    change = binding.request(TRANSACTION, extra=[(0x0003, bytes(4))])
    mirror = server()
    reply = mirror.receive(change, V4, 0.0)
    assert reply is not None
    assert binding.error_code(stun.decode(reply))[0] == binding.UNKNOWN_ATTRIBUTE
    assert mirror.refused == {"stun-unknown-attribute": 1}


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"\0\1", "stun-short"),
        (stun.encode(binding.INDICATION, TRANSACTION, b""), "stun-not-a-request"),
        (stun.encode(binding.SUCCESS, TRANSACTION, b""), "stun-not-a-request"),
        (stun.encode(0x0003, TRANSACTION, b""), "stun-not-a-request"),  # Allocate
    ],
)
def test_everything_else_is_counted_and_not_answered(
    datagram: bytes, reason: str
) -> None:
    mirror = server()
    assert mirror.receive(datagram, V4, 0.0) is None
    assert mirror.refused == {reason: 1}
    assert mirror.answered == 0


def test_a_prefix_is_limited_and_others_are_not() -> None:
    mirror = server(rate_per_s=1, burst=3)
    request = binding.request(TRANSACTION)
    replies = [mirror.receive(request, (f"192.0.2.{n}", 1), 0.0) for n in range(9)]
    assert sum(reply is not None for reply in replies) == 3
    assert mirror.refused == {"stun-rate": 6}
    assert mirror.receive(request, ("198.51.100.1", 1), 0.0) is not None
    assert mirror.receive(request, V4, 1.0) is not None
    assert mirror.answered == 5


def test_refusals_draw_on_the_same_tokens() -> None:
    mirror = server(rate_per_s=1, burst=2)
    wrong = binding.request(TRANSACTION, extra=[(0x7001, b"")])
    assert [mirror.receive(wrong, V4, 0.0) is None for _ in range(3)] == [
        False,
        False,
        True,
    ]


@pytest.mark.untraced
def test_a_hundred_thousand_forged_sources_each_get_one_answer() -> None:
    mirror = server(rate_per_s=1, burst=1)
    request = binding.request(TRANSACTION, fingerprint=False)
    prefixes = random.Random(1).sample(range(1 << 24), 100_000)
    for prefix in prefixes:
        host = f"{prefix >> 16}.{prefix >> 8 & 255}.{prefix & 255}.1"
        assert mirror.receive(request, (host, 1), 0.0) is not None
    assert not mirror.refused
