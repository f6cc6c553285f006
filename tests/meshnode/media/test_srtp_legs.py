"""SRTP of links: the index in the packet, windows that go, repetition unaltered."""

from __future__ import annotations

import secrets

import pytest

from meshnode.media.plane import SrtpKeys
from meshnode.media.srtp import make_legs
from meshnode.media.srtp_legs import HEARD_SSRCS_MAX
from meshproto.errors import DecodeError
from meshproto.forwarding.relay import wire
from meshproto.wire import rtp

GCM = "AEAD_AES_128_GCM"


def pair() -> tuple:
    one, other = (secrets.token_bytes(28) for _ in range(2))
    ours = SrtpKeys(GCM, one[:16], one[16:], other[:16], other[16:])
    theirs = SrtpKeys(GCM, other[:16], other[16:], one[:16], one[16:])
    return make_legs(ours)[1], make_legs(theirs)[0]


def packet(index: int, ssrc: int = 7, payload: bytes = b"media") -> tuple:
    mesh = wire.encode_mesh(9, 0, 0, index, 5)
    data = rtp.build(96, index, 0, ssrc, payload, extensions=[(wire.MESH_ID, mesh)])
    return data[:28], data[28:], ssrc, index


def sent(outbound: object, *packets: tuple) -> list[bytes]:
    pieces = outbound.protect_burst(packets)  # type: ignore[attr-defined]
    return [a + b for a, b in zip(pieces[::2], pieces[1::2], strict=True)]


@pytest.mark.parametrize("first", [0, 5, 70_000, (1 << 40) - 3])
def test_a_leg_may_begin_at_any_index_and_come_in_any_order(first: int) -> None:
    outbound, inbound = pair()
    packets = [packet(first + n) for n in (0, 2, 1)]
    data = sent(outbound, *packets)
    for number in (1, 0, 2):
        header, payload, _, _ = packets[number]
        assert inbound.unprotect(data[number]) == header + payload


def test_a_packet_below_the_first_one_is_protected_too() -> None:
    outbound, inbound = pair()
    late = [packet(70_000), packet(69_998), packet(69_999)]
    data = sent(outbound, *late)
    assert len(data) == 3
    assert [inbound.unprotect(d)[-5:] for d in data] == [b"media"] * 3


def test_no_index_is_protected_twice_but_the_same_packet_is_repeated() -> None:
    outbound, inbound = pair()
    one = packet(70_000)
    [first] = sent(outbound, one)
    assert sent(outbound, packet(70_000, payload=b"other")) == []
    assert outbound.refused == 1
    assert b"".join(outbound.repeat(one)) == first
    inbound.unprotect(first)
    with pytest.raises(DecodeError, match="srtp-replay"):
        inbound.unprotect(first)


def test_what_was_repeated_first_is_not_protected_again() -> None:
    outbound, inbound = pair()
    one = packet(70_000)
    again = b"".join(outbound.repeat(one))
    assert sent(outbound, one) == []
    assert inbound.unprotect(again) == one[0] + one[1]


def test_a_wrong_roll_over_counter_does_not_authenticate() -> None:
    outbound, inbound = pair()
    [data] = sent(outbound, packet(70_000))
    forged = bytearray(data)
    forged[21] ^= 1
    with pytest.raises(DecodeError, match="srtp-auth"):
        inbound.unprotect(bytes(forged))
    inbound.unprotect(data)


def test_windows_of_old_legs_go_instead_of_new_legs_being_refused() -> None:
    outbound, inbound = pair()
    for ssrc in range(HEARD_SSRCS_MAX + 50):
        [data] = sent(outbound, packet(70_000, ssrc))
        inbound.unprotect(data)
    assert len(inbound._windows._windows) == HEARD_SSRCS_MAX
