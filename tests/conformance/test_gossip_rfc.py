"""RFC 0008 says what the code does: its constants and its vectors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshproto.config.gossip import GossipConfig
from meshproto.wire import peer_id, pubsub
from support.gossip_vectors import FILES, Json, load, reason_of, says

TEXT = (Path(__file__).parents[2] / "rfcs/0008-gossip.md").read_text(encoding="utf-8")
SECTION_6, SECTION_7 = (
    TEXT.split(f"\n## {number}. ")[1].split("\n## ")[0] for number in (6, 7)
)


def constants() -> dict[str, float]:
    rows = re.findall(r"^\| ([a-z_, ]+) \| ([0-9., ]+) \|", SECTION_7, re.MULTILINE)
    pairs = (
        zip(names.split(", "), values.split(", "), strict=True)
        for names, values in rows
        if names != "name"
    )
    return {name: float(value) for row in pairs for name, value in row}


def test_every_number_of_section_7_is_the_one_in_the_code() -> None:
    found = constants()
    assert len(found) > 35
    for name, value in found.items():
        assert getattr(GossipConfig(), name) == value, name


def test_every_number_of_the_configuration_is_in_section_7() -> None:
    apart = {"score", "thresholds", "topic_score", "topic_scores", "signing"}
    apart |= {"flood_publish", "offer_peers", "wanted_max"}
    assert set(GossipConfig.__dataclass_fields__) - apart == set(constants())


def test_the_scores_of_section_6_are_those_in_the_code() -> None:
    rows = re.findall(r"^\| (\w+) \| (-?\d+) \|", SECTION_6, re.MULTILINE)
    limits = GossipConfig().thresholds
    assert {name: float(value) for name, value in rows} == {
        "gossip": limits.gossip,
        "publish": limits.publish,
        "graylist": limits.graylist,
        "exchange": limits.accept_px,
        "opportunistic": limits.opportunistic_graft,
    }
    weights = dict(
        re.findall(r"^\| (P\d)[^|]*\|[^|]*\| (-?[\d.]+) \|", SECTION_6, re.MULTILINE)
    )
    topic, peer = GossipConfig().topic_score, GossipConfig().score
    assert [float(weights[f"P{number}"]) for number in range(1, 8)] == [
        topic.time_in_mesh_weight,
        topic.first_message_deliveries_weight,
        topic.mesh_message_deliveries_weight,
        topic.invalid_message_deliveries_weight,
        peer.app_specific_weight,
        peer.ip_colocation_factor_weight,
        peer.behaviour_penalty_weight,
    ]


@pytest.mark.parametrize("name", FILES)
def test_our_code_makes_the_vectors(name: str) -> None:
    assert FILES[name]() == load(name)


@pytest.mark.parametrize(
    "vector", load("rpc.json")["rpcs"], ids=lambda one: one["name"]
)
def test_an_rpc_says_what_its_vector_says(vector: Json) -> None:
    assert says(bytes.fromhex(vector["rpc"])) == vector["says"]


@pytest.mark.parametrize(
    "vector", load("rpc.json")["refused"], ids=lambda one: one["name"]
)
def test_a_refused_rpc_is_refused(vector: Json) -> None:
    assert reason_of(bytes.fromhex(vector["rpc"])) == vector["reason"] != ""


@pytest.mark.parametrize("vector", load("messages.json")["messages"])
def test_a_signed_message_is_signed_by_the_seed_it_names(vector: Json) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["seed"]))
    node = peer_id.from_ed25519(key.public_key().public_bytes_raw())
    assert peer_id.to_text(node) == vector["author"]
    message = pubsub.decode_message(bytes.fromhex(vector["octets"]))
    assert message.origin == node
    signed = bytes.fromhex(vector["signed"])
    assert pubsub.signing_octets(message) == signed
    assert message.signature is not None
    key.public_key().verify(message.signature, signed)


def test_the_talk_holds_one_of_everything_that_a_router_says() -> None:
    steps = load("talk.json")["steps"]
    said = [sent["says"] for step in steps for sent in step["out"]]
    kinds = {kind for one in said for kind in one.get("control", {})}
    assert kinds == {"graft", "prune", "iwant", "idontwant"}
    assert any(one.get("publish") for one in said)
    assert any(one.get("subscriptions") for one in said)
    refusals = [reason for step in steps for reason in step.get("refused", ())]
    assert refusals == [
        "gossip-signature",
        "gossip-graft-backoff",
        "gossip-graft-topic",
    ]
