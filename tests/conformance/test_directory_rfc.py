"""RFC 0009 says what the code does: its constants, its order and its vectors."""

from __future__ import annotations

import re
from pathlib import Path

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from meshproto.config.directory import DirectoryConfig
from meshproto.wire.control import directory as d
from meshproto.wire.control import schema
from support.directory_vectors import FILES, Json, load

RFCS = Path(__file__).parents[2] / "rfcs"
TEXT = (RFCS / "0009-directory-and-presence.md").read_text(encoding="utf-8")
SECTION_8 = TEXT.split("\n## 8. ")[1].split("\n## ")[0]
STEPS = load("notices.json")["heard_in_order"]


def constants() -> dict[str, float]:
    rows = re.findall(r"^\| ([a-z_, ]+) \| ([0-9., ]+) \|", SECTION_8, re.MULTILINE)
    pairs = (
        zip(names.split(", "), values.split(", "), strict=True)
        for names, values in rows
        if names != "name"
    )
    return {name: float(value) for row in pairs for name, value in row}


def test_every_number_of_section_8_is_the_one_in_the_code() -> None:
    for name, value in constants().items():
        assert getattr(DirectoryConfig(), name) == value, name


def test_every_number_of_the_configuration_is_in_section_8() -> None:
    apart = {"enabled", "presence"}
    assert set(DirectoryConfig.__dataclass_fields__) - apart == set(constants())


@pytest.mark.parametrize("name", FILES)
def test_our_code_makes_the_vectors(name: str) -> None:
    assert FILES[name]() == load(name)


def test_the_vectors_hold_every_verdict_and_every_change() -> None:
    assert {step["verdict"] for step in STEPS} == {"accept", "ignore", "reject"}
    events = {event for step in STEPS for event in step["events"]}
    assert {"StreamFound", "StreamMoved", "StreamGone", "Refused"} <= events


@pytest.mark.parametrize("step", STEPS[:7], ids=lambda step: step["about"])
def test_signatures_of_good_notices_verify_under_the_keys_they_name(step: Json) -> None:
    body_octets, signature = msgpack.unpackb(bytes.fromhex(step["message"]))[0]
    body = d.parse_body(body_octets)
    origin = Ed25519PublicKey.from_public_bytes(body.claim.origin[-32:])
    origin.verify(signature, b"meshnode notice 1" + body_octets)
    key, name, node, counter, expires_ms, proof = msgpack.unpackb(body_octets)[0]
    fields = msgpack.packb([key, name, node, counter, expires_ms])
    Ed25519PublicKey.from_public_bytes(key).verify(proof, b"meshnode claim 1" + fields)
    seed = bytes.fromhex(load("notices.json")["seeds"]["claim"])
    private = Ed25519PrivateKey.from_private_bytes(seed)
    assert private.public_key().public_bytes_raw() == key


def test_ranks_of_the_vectors_tell_what_holds() -> None:
    held = ""
    for step in STEPS[:7]:
        newer = step["notice"]["rank"] > held
        assert newer == (step["verdict"] == "accept")
        held = max(held, step["notice"]["rank"])


def test_a_comparison_is_digest_summary_and_what_each_lacks() -> None:
    said = load("comparison.json")["said"]
    records = [schema.decode(msgpack.unpackb(bytes.fromhex(s["record"]))) for s in said]
    kinds = [(s["from"], type(r).__name__) for s, r in zip(said, records, strict=True)]
    assert kinds == [
        ("alpha", "Digest"),
        ("beta", "Summary"),
        ("alpha", "WantNotices"),
        ("alpha", "Notices"),
        ("beta", "Notices"),
    ]
