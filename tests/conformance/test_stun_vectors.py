"""The public STUN vectors (RFC 5769 and browsers' requests), ICE's formulas, the
demultiplexing table, and bad STUN messages."""

from __future__ import annotations

from typing import Any

import pytest

from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.lite import IceLite
from meshproto.ice.priority import candidate_priority, pair_priority
from meshproto.ice.server import StunServer
from meshproto.ids import TransportId
from meshproto.wire import stun, stun_attributes
from meshproto.wire.demux import classify
from support import vectors

TEXTS = {
    stun_attributes.USERNAME: "USERNAME",
    stun_attributes.REALM: "REALM",
    stun_attributes.NONCE: "NONCE",
    stun_attributes.SOFTWARE: "SOFTWARE",
}
NUMBERS = {
    stun_attributes.PRIORITY: "PRIORITY",
    stun_attributes.ICE_CONTROLLED: "ICE-CONTROLLED",
    stun_attributes.ICE_CONTROLLING: "ICE-CONTROLLING",
    stun_attributes.FINGERPRINT: "FINGERPRINT",
}


def named(kind: int, value: bytes, transaction_id: bytes) -> tuple[str, Any]:
    if kind in TEXTS:
        return TEXTS[kind], value.decode()
    if kind in NUMBERS:
        return NUMBERS[kind], int.from_bytes(value, "big")
    match kind:
        case stun_attributes.XOR_MAPPED_ADDRESS:
            address = stun_attributes.decode_xor_address(value, transaction_id)
            return "XOR-MAPPED-ADDRESS", list(address)
        case stun_attributes.MAPPED_ADDRESS:
            return "MAPPED-ADDRESS", list(stun_attributes.decode_address(value))
        case stun_attributes.ERROR_CODE:
            return "ERROR-CODE", list(stun_attributes.decode_error(value))
        case stun_attributes.MESSAGE_INTEGRITY:
            return "MESSAGE-INTEGRITY", value
    return hex(kind), value


def decode(data: bytes) -> dict[str, Any]:
    message = stun.decode(data)
    return {
        "class": message.message_class,
        "method": message.method,
        "transaction_id": message.transaction_id,
        "attributes": dict(
            named(kind, value, message.transaction_id)
            for kind, value in message.attributes.items()
        ),
    }


def kind_of(data: bytes) -> str:
    kind = classify(data).value
    return "drop" if kind == "unknown" else kind


ADAPTERS: vectors.Adapters = {
    "stun.decode": decode,
    "stun.check_integrity": lambda data, key: stun.verify(stun.decode(data), key),
    "stun.check_fingerprint": lambda data: stun.decode(data).has_fingerprint,
    "stun.seal": lambda data, key, fingerprint: stun.seal(
        data, key=key, fingerprint=fingerprint
    ),
    "stun.long_term_key": stun.long_term_key,
    "stun.candidate_priority": candidate_priority,
    "stun.pair_priority": pair_priority,
    "demux.classify": kind_of,
}
ENTRIES = list(vectors.entries("stun.json", ADAPTERS))


def test_every_kind_is_adapted() -> None:
    assert vectors.kinds("stun.json") == set(ADAPTERS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_vector(entry: dict[str, Any]) -> None:
    assert not vectors.failure(entry, ADAPTERS)


@pytest.mark.parametrize("entry", ENTRIES[::7])
def test_a_wrong_expectation_would_be_noticed(entry: dict[str, Any]) -> None:
    assert vectors.failure(vectors.twisted(entry), ADAPTERS)


@pytest.mark.parametrize("data", list(vectors.bad_inputs("stun")))
def test_bad_message(data: bytes) -> None:
    vectors.refused_or_read(decode, data)
    agent = IceLite(StunServer(PrefixBucket(bytes(16))))
    path = agent.add(TransportId(1), "ufrag", "p" * 22)
    _, event = agent.receive(data, ("192.0.2.1", 1), 0.0)
    assert event is None
    assert path.address is None
    assert not agent.by_address
