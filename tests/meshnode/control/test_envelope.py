"""What is exchanged: read totally, labels kept harmless."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.control import envelope
from meshnode.control.envelope import Kind
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire.control.peer import PEER_OCTETS_MAX, MediaAddress, PeerRecord, Reach


def peer(number: int) -> PeerRecord:
    media = (MediaAddress(bytes((192, 0, 2, number)), 5_000),)
    node = NodeId(bytes((number,)) * 38)
    return PeerRecord(node, 1, 1, media, (), Reach.DIRECT, 4, 4, "", "", ())


def test_peers_come_back_as_they_went_and_at_most_five() -> None:
    peers = [peer(number) for number in range(1, 8)]
    payload = envelope.build_peers(peers)
    assert envelope.kind_of(payload) is Kind.PEERS
    assert envelope.parse_peers(payload) == peers[:5]


def test_five_of_the_longest_fit_into_an_exchange() -> None:
    assert envelope.PEERS_MAX * (PEER_OCTETS_MAX + 3) + 2 < 4_096


@given(st.binary(max_size=64))
def test_whatever_comes_is_a_value_or_a_decode_error(payload: bytes) -> None:
    try:
        if envelope.kind_of(payload) is Kind.PEERS:
            envelope.parse_peers(payload)
    except DecodeError:
        pass


@pytest.mark.parametrize("plain", [5, [1], [b""] * 6, {}, ["text"]])
def test_peers_that_are_none_are_refused(plain: object) -> None:
    with pytest.raises(DecodeError):
        envelope.parse_peers(b"\4" + msgpack.packb(plain))


@given(st.binary(max_size=40))
def test_a_label_is_a_label_whatever_was_sent(octets: bytes) -> None:
    label = envelope.label_of(b"\3" + octets)
    assert 0 < len(label) <= 24
    assert all(c == "-" or "a" <= c <= "z" for c in label)


def test_a_refusal_names_its_label() -> None:
    assert envelope.label_of(envelope.refusal("busy")) == "busy"
    assert envelope.kind_of(envelope.refusal("busy")) is Kind.REFUSED
