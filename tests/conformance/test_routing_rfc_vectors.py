"""The vectors of RFC 0010 are what our router does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgpack
import pytest

from meshproto.config.routing import RoutingConfig
from meshproto.ids import NodeId
from meshproto.routing.distance import Distance, added, feasible, lowered
from meshproto.wire.control import schema
from meshproto.wire.control.routing import Update, signed_part
from support.routing_vectors import (
    FOLDER,
    arithmetic,
    digest,
    load,
    packed,
    played,
    records,
    stories,
    write,
)
from support.shared import ROOT


def test_there_is_a_file_for_every_vector_and_no_other() -> None:
    names = {"records", "arithmetic", *stories()}
    assert {path.stem for path in FOLDER.glob("*.json")} == names


def test_the_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    write(tmp_path)
    for path in FOLDER.glob("*.json"):
        assert (tmp_path / path.name).read_text() == path.read_text()


@pytest.mark.parametrize("name", stories())
def test_our_router_does_what_a_story_says(name: str) -> None:
    story = load(name)
    for step, expected in zip(played(story), story["steps"], strict=True):
        assert step == expected


@pytest.mark.parametrize("name", stories())
def test_every_story_sends_something_that_decodes(name: str) -> None:
    sent = [text for step in load(name)["steps"] for _, text in step["sent"]]
    assert sent
    for text in sent:
        record = schema.decode(msgpack.unpackb(bytes.fromhex(text)))
        assert record is not None
        assert packed(record) == text


@pytest.mark.parametrize("entry", records()["records"], ids=lambda e: str(e["name"]))
def test_a_record_is_its_bytes(entry: dict[str, Any]) -> None:
    octets = bytes.fromhex(entry["bytes"])
    record = schema.decode(msgpack.unpackb(octets))
    assert record is not None
    assert packed(record) == entry["bytes"]


def test_the_signed_part_is_its_bytes() -> None:
    part = load("records")["signed_part"]
    origin = NodeId(bytes.fromhex(part["origin"]))
    octets = signed_part(origin, part["epoch"], part["seqno"])
    assert octets.hex() == part["bytes"]


def test_the_arithmetic_is_ours() -> None:
    vector = load("arithmetic")
    version, metric = vector["distance"]
    distance = Distance(tuple(version), metric)
    for told, refmetric, expected in vector["feasible"]:
        assert feasible(distance, tuple(told), refmetric) is expected
    for told, refmetric, expected in vector["lowered"]:
        after = lowered(distance, tuple(told), refmetric)
        assert after == (tuple(expected[0]), expected[1])
    for cost, refmetric, expected in vector["added"]:
        assert added(cost, refmetric) == expected


def test_digests_are_ours() -> None:
    for case in load("arithmetic")["digests"]:
        told = []
        for text in case["records"]:
            record = schema.decode(msgpack.unpackb(bytes.fromhex(text)))
            assert isinstance(record, Update)
            told.append(record)
        assert digest(told) == case["digest"]


def test_the_arithmetic_has_both_answers() -> None:
    verdicts = [verdict for _, _, verdict in arithmetic()["feasible"]]
    assert verdicts.count(True) > 5
    assert verdicts.count(False) > 5


def test_the_constants_of_the_document_are_those_of_the_code() -> None:
    text = (ROOT / "rfcs/0010-routing.md").read_text()
    table = text.split("## 9. ")[1].split("## 10. ")[0]
    pairs = re.findall(r"\| (\w+) \| ([\d.]+) ", table)
    stated = {name: float(value) for name, value in pairs}
    config = RoutingConfig()
    names = {field.name for field in fields(config)} - {"cost"}
    assert stated == {name: float(getattr(config, name)) for name in names}
