from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.config.gossip import Signing
from meshproto.gossip.authorship import (
    authentic,
    content_id,
    fault,
    message_id,
    written,
)
from meshproto.ids import NodeId
from meshproto.wire import peer_id
from meshproto.wire.pubsub import Message
from support.gossip import TOPIC, message, node_id, seal, verify

A = node_id(1)
SIGN, NO_SIGN = Signing.STRICT_SIGN, Signing.STRICT_NO_SIGN


def test_a_message_of_ours_is_faultless_and_authentic() -> None:
    made = written(SIGN, TOPIC, b"x", A, 7, lambda data: seal(A, data))
    assert made.seqno == bytes(7) + b"\x07"
    assert fault(SIGN, made) == ""
    assert authentic(SIGN, made, verify)
    assert message_id(SIGN, made) == A + bytes(7) + b"\x07"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"origin": None}, "gossip-unsigned"),
        ({"seqno": None}, "gossip-unsigned"),
        ({"signature": None}, "gossip-unsigned"),
        ({"signature": b""}, "gossip-unsigned"),
        ({"origin": b"short"}, "gossip-author"),
        ({"origin": bytes(43)}, "gossip-author"),
        ({"seqno": bytes(7)}, "gossip-seqno"),
        ({"seqno": bytes(9)}, "gossip-seqno"),
        ({"key": b"any"}, "gossip-key"),
    ],
)
def test_what_is_missing_or_odd_is_named(change: dict[str, bytes], reason: str) -> None:
    assert fault(SIGN, replace(message(A, 1), **change)) == reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [{"data": b"y"}, {"topic": "t"}, {"origin": node_id(2)}, {"seqno": bytes(8)}],
)
def test_whatever_is_changed_breaks_the_signature(change: dict[str, bytes]) -> None:
    assert not authentic(SIGN, replace(message(A, 1), **change), verify)  # type: ignore[arg-type]


def test_a_key_beside_the_id_must_be_the_one_inside() -> None:
    key, other = bytes(range(32)), bytes(32)
    author = peer_id.from_ed25519(key)
    own = replace(message(author, 1), key=peer_id.public_key_message(key))
    assert fault(SIGN, own) == ""
    assert fault(SIGN, replace(own, key=peer_id.public_key_message(other)))


def test_without_authors_nothing_may_hint_at_one() -> None:
    bare = written(NO_SIGN, TOPIC, b"x", A, 7, lambda _: b"never called")
    assert bare == Message(TOPIC, b"x")
    assert fault(NO_SIGN, bare) == ""
    assert authentic(NO_SIGN, bare, lambda *_: False)
    for name in ("origin", "seqno", "signature", "key"):
        assert fault(NO_SIGN, replace(bare, **{name: b""})) == "gossip-signed"  # type: ignore[arg-type]


def test_without_authors_equal_data_is_one_message() -> None:
    assert message_id(NO_SIGN, Message("a", b"x")) == message_id(
        NO_SIGN, Message("b", b"x")
    )
    assert message_id(NO_SIGN, Message("a", None)) == content_id(b"")
    assert len(content_id(b"x", b"domain", 20)) == 20
    assert content_id(b"x", b"domain") != content_id(b"x")


def test_the_verifier_gets_author_octets_and_signature() -> None:
    asked: list[tuple[NodeId, bytes, bytes]] = []

    def note(node: NodeId, data: bytes, signature: bytes) -> bool:
        asked.append((node, data, signature))
        return True

    sent = message(A, 1)
    assert authentic(SIGN, sent, note)
    ((node, data, signature),) = asked
    assert node == A
    assert signature == seal(A, data) == sent.signature
