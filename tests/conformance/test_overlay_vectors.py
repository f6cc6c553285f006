"""The vectors and the table of constants of RFC 0007."""

from __future__ import annotations

import json
import random
import re
from enum import Enum
from pathlib import Path
from typing import Any

import msgpack
import pytest

from meshproto.config.overlay import OverlayConfig
from meshproto.errors import DecodeError
from meshproto.overlay.book import Entry
from meshproto.overlay.choice import gains, next_link, ring_of, victim
from meshproto.overlay.coordinates import predict_s
from meshproto.overlay.links import Kind, Link
from meshproto.wire.control import overlay as records
from meshproto.wire.control.schema import Record, decode, encode
from support.overlay_parts import node, record

RFCS = Path(__file__).resolve().parents[2] / "rfcs"
CONFIG = OverlayConfig()


def vectors(name: str, key: str) -> list[Any]:
    return json.loads((RFCS / "vectors/overlay" / name).read_text())[key]


def named(cases: list[Any]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Record):
        return {name: plain(getattr(value, name)) for name, _ in value.CODECS}
    return value.value if isinstance(value, Enum) else value


@pytest.mark.parametrize("case", named(vectors("records.json", "cases")))
def test_records(case: dict[str, Any]) -> None:
    octets = bytes.fromhex(case["octets"])
    value = decode(msgpack.unpackb(octets))
    assert isinstance(value, getattr(records, case["record"]))
    assert plain(value) == case["fields"]
    assert msgpack.packb(encode(value)) == octets


@pytest.mark.parametrize("case", named(vectors("records.json", "refused")))
def test_refused_records(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(msgpack.unpackb(bytes.fromhex(case["octets"])))
    assert caught.value.reason == case["reason"]


@pytest.mark.parametrize("case", vectors("coordinates.json", "cases"))
def test_predictions(case: dict[str, Any]) -> None:
    found = predict_s(tuple(case["a"]), tuple(case["b"]))
    assert found == (case["rtt_s"] and pytest.approx(case["rtt_s"]))


@pytest.mark.parametrize("case", vectors("choice.json", "rings"))
def test_rings(case: dict[str, Any]) -> None:
    assert ring_of(case["rtt_ms"] / 1000, CONFIG.ring_bounds_s) == case["ring"]


@pytest.mark.parametrize("case", vectors("choice.json", "gains"))
def test_gains(case: dict[str, Any]) -> None:
    found = gains(case["better_ms"] / 1000, case["worse_ms"] / 1000, CONFIG)
    assert found is case["trade"]


@pytest.mark.parametrize("case", named(vectors("choice.json", "next")))
def test_next_links(case: dict[str, Any]) -> None:
    candidates = []
    for index, rtt_ms in enumerate(case["candidates_ms"]):
        entry = Entry(record(index + 1), ())
        entry.rtt_s = rtt_ms / 1000
        candidates.append(entry)
    rtts_s = [rtt_ms / 1000 for rtt_ms in case["links_ms"]]
    found = next_link(
        *(rtts_s, case["randoms"], case["target"], candidates, CONFIG),
        random.Random(1),
    )
    if case["chosen"] is None:
        assert found is None
    else:
        assert found == (candidates[case["chosen"]], Kind(case["kind"]))


@pytest.mark.parametrize("case", named(vectors("choice.json", "victims")))
def test_victims(case: dict[str, Any]) -> None:
    links = []
    for index, rtt_ms in enumerate(case["links_ms"]):
        kind = Kind.RANDOM if index in case.get("random", []) else Kind.NEAR
        outbound = index not in case.get("inbound", [])
        links.append((rtt_ms / 1000, Link(node(index), kind, outbound, 0.0)))
    trees = [node(index) for index in case.get("trees", [])]
    gained_s = case["gained_ms"] / 1000
    found = victim(links, gained_s, CONFIG, lambda each: each in trees)
    wanted = case["victim"]
    assert found == (None if wanted is None else links[wanted])


def test_the_table_of_constants_is_the_codes() -> None:
    text = (RFCS / "0007-overlay.md").read_text()
    section = text.partition("\n## 11. ")[2].partition("\n## 12. ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    assert told == {name: str(getattr(CONFIG, name)) for name in CONFIG.__slots__}


def test_the_table_of_records_is_the_codes() -> None:
    text = (RFCS / "0007-overlay.md").read_text()
    told = re.findall(r"^\| (\d+) \| `(\w+)` \| .* \| (\w+) \|$", text, re.MULTILINE)
    assert len(told) == 8
    for kind, name, lane in told:
        shape = getattr(records, name)
        assert int(kind) == shape.KIND
        assert (lane == "bulk") is shape.BULK
