"""The public vectors of pubsub RPCs, signatures, peer ids and peer scores."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from meshproto.config.gossip import (
    PeerScore,
    Signing,
    Thresholds,
    TopicScore,
    check_thresholds,
    check_topic,
    decay,
)
from meshproto.errors import DecodeError
from meshproto.gossip import authorship
from meshproto.gossip.scoring import Scores
from meshproto.gossip.seen import Seen, Sighting, Verdict
from meshproto.ids import NodeId
from meshproto.wire import peer_id, protobuf, pubsub
from support import vectors

Plain = dict[str, Any]


# RPCs


def present(**found: Any) -> Plain:
    return {name: value for name, value in found.items() if value is not None}


def plain_message(read: pubsub.Message) -> Plain:
    rest = present(
        data=read.data, seqno=read.seqno, signature=read.signature, key=read.key
    )
    author = present(**{"from": read.origin})
    return {"topic": read.topic, **author, **rest}


def plain_control(read: pubsub.Control) -> Plain:
    lists = {
        "ihave": [
            {"topic": one.topic, "message_ids": list(one.message_ids)}
            for one in read.ihave
        ],
        "iwant": [{"message_ids": list(ids)} for ids in read.iwant],
        "graft": [{"topic": topic} for topic in read.graft],
        "prune": [
            {
                "topic": one.topic,
                "backoff": one.backoff_s,
                "peers": [
                    {"peer_id": info.peer, "signed_peer_record": info.record}
                    for info in one.peers
                ],
            }
            for one in read.prune
        ],
        "idontwant": [{"message_ids": list(ids)} for ids in read.idontwant],
    }
    return {name: found for name, found in lists.items() if found}


def rpc_decode(data: bytes) -> Plain:
    read = pubsub.decode(data)
    lists = {
        "subscriptions": [
            {"subscribe": one.subscribe, "topic": one.topic}
            for one in read.subscriptions
        ],
        "publish": [plain_message(one) for one in read.publish],
    }
    found: Plain = {name: value for name, value in lists.items() if value}
    if read.control is not None:
        found["control"] = plain_control(read.control)
    return found


def verify(node: NodeId, data: bytes, signature: bytes) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(peer_id.ed25519_key(node))
        key.verify(signature, data)
    except (DecodeError, InvalidSignature):
        return False
    return True


def message_verify(message: bytes) -> bool:
    read, policy = pubsub.decode_message(message), Signing.STRICT_SIGN
    if authorship.fault(policy, read):
        return False
    return authorship.authentic(policy, read, verify)


def accept_by_policy(policy: str, message: bytes) -> bool:
    return not authorship.fault(Signing(policy), pubsub.decode_message(message))


def message_id(function: str, message: bytes) -> bytes:
    read = pubsub.decode_message(message)
    if function == "default":
        return authorship.message_id(Signing.STRICT_SIGN, read)
    if function == "sha256(data)":
        return authorship.message_id(Signing.STRICT_NO_SIGN, read)
    return authorship.content_id(read.data or b"", bytes(4), 20)


def frame_split(stream: bytes, max_size: int) -> list[bytes]:
    return pubsub.Framer(max_size).feed(stream)


# Scores

TOPIC_FIELDS = {
    "topic_weight": "topic_weight",
    "time_in_mesh_quantum": "time_in_mesh_quantum_s",
    "mesh_message_deliveries_window": "mesh_message_deliveries_window_s",
    "mesh_message_deliveries_activation": "mesh_message_deliveries_activation_s",
}
EMPTY_TOPIC = dict.fromkeys(TopicScore.__dataclass_fields__, 0.0)
EMPTY_TOPIC |= {name: inf for name in EMPTY_TOPIC if name.endswith("_cap")}
PEER_FIELDS = set(PeerScore.__dataclass_fields__) - {"ip_colocation_whitelist"}
EMPTY_PEER: Plain = dict.fromkeys(PEER_FIELDS, 0.0) | {"retain_score_s": 3600.0}


def topic_score(params: Plain) -> TopicScore:
    named = {TOPIC_FIELDS.get(name, name): value for name, value in params.items()}
    return TopicScore(**EMPTY_TOPIC | named)


class Judge:
    """Runs the little language of the scoring vectors."""

    def __init__(self, params: Plain) -> None:
        topics = {name: topic_score(one) for name, one in params["topics"].items()}
        general = {name: value for name, value in params.items() if name in PEER_FIELDS}
        exempt = tuple(a.encode() for a in params.get("ip_colocation_whitelist", ()))
        rule = PeerScore(**EMPTY_PEER | general, ip_colocation_whitelist=exempt)
        self.scores = Scores(rule, None, topics, 100)
        self.seen = Seen(120.0, 100_000)
        self.now = 0.0
        self.known: dict[str, NodeId] = {}

    def node(self, name: str, addresses: Iterable[str] = ()) -> NodeId:
        if name not in self.known:
            node = self.known[name] = NodeId(name.encode())
            packed = [address.encode() for address in addresses]
            self.scores.peer_up(node, packed, self.now)
        return self.known[name]

    def run(self, op: list[Any]) -> None:
        name, *arguments = op
        getattr(self, name)(*arguments)

    peer = ip = node

    def graft(self, name: str, topic: str) -> None:
        self.scores.grafted(self.node(name), topic, self.now)

    def prune(self, name: str, topic: str) -> None:
        self.scores.pruned(self.node(name), topic)

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def refresh(self, ticks: int = 1) -> None:
        self.scores.refresh(self.now, ticks)

    def penalty(self, name: str, times: int) -> None:
        self.scores.penalise(self.node(name), times)

    def app(self, name: str, value: float) -> None:
        self.scores.set_app(self.node(name), value)

    def invalid(self, name: str, topic: str) -> None:
        self.scores.invalid(self.node(name), topic)

    def deliver(self, name: str, topic: str, key: str) -> None:
        sighting = Sighting(topic, self.node(name), None, b"", self.now)
        self.seen.add(key.encode(), sighting)
        self.seen.decide(sighting, Verdict.ACCEPT, self.now)
        self.scores.delivered(self.node(name), topic)

    def duplicate(self, name: str, topic: str, key: str) -> None:
        node, sighting = self.node(name), self.seen.get(key.encode(), self.now)
        window_s = self.scores.window_s(topic)
        assert sighting is not None
        assert window_s is not None
        if self.now - sighting.decided_at <= window_s and sighting.copied_by(node):
            self.scores.repeated(node, topic)


def score(params: Plain, ops: list[list[Any]]) -> dict[str, float]:
    judge = Judge(params)
    for op in ops:
        judge.run(op)
    return {name: judge.scores.of(node) for name, node in judge.known.items()}


def validate_params(what: str, params: Plain) -> bool:
    numbers = {name: float(value) for name, value in params.items()}
    if what == "topic":
        check_topic(topic_score(numbers))
    else:
        check_thresholds(
            Thresholds(**dict.fromkeys(Thresholds.__dataclass_fields__, 0.0) | numbers)
        )
    return True


def fading(seconds: float, interval: float, decay_to_zero: float) -> float:
    return decay(seconds, interval, decay_to_zero)


GOSSIP: vectors.Adapters = {
    "gossip.rpc_decode": rpc_decode,
    "gossip.message_verify": message_verify,
    "gossip.accept_by_policy": accept_by_policy,
    "gossip.message_id": message_id,
    "gossip.frame_split": frame_split,
    "gossip.score": score,
    "gossip.validate_params": validate_params,
    "gossip.decay": fading,
}
RPC, SCORING = "../gossip/rpc.json", "../gossip/scoring.json"


def read_length(data: bytes) -> list[int]:
    return list(protobuf.read_length(data))


def to_text(protobuf: bytes) -> str:
    return peer_id.to_text(peer_id.from_public_key(protobuf))


def ed25519_only(private_protobuf: bytes) -> bytes:
    return peer_id.ed25519_from_private(private_protobuf)


LIBP2P: vectors.Adapters = {
    "varint.encode": protobuf.write_varint,
    "varint.decode": read_length,
    "peer_id.from_public_key": to_text,
    "peer_id.public_from_private": ed25519_only,
}
ENTRIES = [*vectors.entries(RPC, GOSSIP), *vectors.entries(SCORING, GOSSIP)]
PEERS = list(vectors.entries("libp2p.json", LIBP2P))


def foreign(entry: Plain) -> bool:
    """Private keys of kinds that no node of the mesh has."""
    private = entry["kind"] == "peer_id.public_from_private"
    return private and not entry["name"].startswith("ED25519")


def test_every_kind_is_adapted() -> None:
    assert vectors.kinds(RPC) | vectors.kinds(SCORING) == set(GOSSIP)
    assert len(ENTRIES) == 53 + 46


@pytest.mark.parametrize("entry", ENTRIES)
def test_gossip_vector(entry: Plain) -> None:
    assert not vectors.failure(entry, GOSSIP)


@pytest.mark.parametrize("entry", ENTRIES[::5])
def test_a_wrong_expectation_would_be_noticed(entry: Plain) -> None:
    assert vectors.failure(vectors.twisted(entry), GOSSIP)


@pytest.mark.parametrize("entry", PEERS)
def test_libp2p_vector(entry: Plain) -> None:
    if foreign(entry):
        with pytest.raises(DecodeError):
            ed25519_only(bytes.fromhex(entry["input"]["private_protobuf_hex"]))
    else:
        assert not vectors.failure(entry, LIBP2P)


def test_the_octets_of_a_peer_id_survive_their_text() -> None:
    keys = [entry.values[0] for entry in PEERS]
    texts = [one["expect"] for one in keys if one["kind"] == "peer_id.from_public_key"]
    assert len(texts) == 4
    assert all(peer_id.to_text(peer_id.from_text(text)) == text for text in texts)
