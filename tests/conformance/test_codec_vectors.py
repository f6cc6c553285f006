"""The public codec vectors (`codecs.json`, the VP8 part of `rewrite.json`) and the bad
inputs for the same parsers: every entry, through the adapters below."""

from __future__ import annotations

import contextlib
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import (
    av1,
    dependency,
    describe,
    h264,
    layers,
    picture,
    vp8,
    vp9,
)
from support.shared import require_shared, shared_path

require_shared("corpora", "vectors", "codecs.json")

SLOW_S = 0.05


def vp8_descriptor(payload: bytes) -> dict[str, Any]:
    found = vp8.parse(payload)
    numbers = found.numbers
    return {
        "x": int(found.extended),
        "n": int(found.non_reference),
        "s": int(found.start),
        "pid": found.partition,
        "i": int(numbers.picture_bits > 0),
        "l": int(numbers.tl0_at > 0),
        "t": int(found.has_temporal),
        "k": int(found.has_keyidx),
        "picture_id": numbers.picture_id,
        "tl0picidx": numbers.tl0picidx,
        "tid": numbers.temporal,
        "y": int(numbers.sync),
        "keyidx": numbers.keyidx,
        "payload": payload[numbers.size :],
        "keyframe": found.keyframe,
    }


def vp9_descriptor(payload: bytes) -> dict[str, Any]:
    found = vp9.parse(payload)
    structure = found.structure or vp9.Structure(1, (), False, ())
    return {
        "i": found.has_picture_id,
        "p": found.inter_picture,
        "l": found.has_layer,
        "f": found.flexible,
        "b": found.begins,
        "e": found.ends,
        "v": found.structure is not None,
        "z": found.not_reference,
        "picture_id": found.picture_id,
        "tid": found.temporal,
        "u": found.switch_up,
        "sid": found.spatial,
        "d": found.inter_layer,
        "pdiff": list(found.references),
        "tl0picidx": found.tl0picidx,
        "ns": structure.spatial_layers - 1,
        "y": bool(structure.sizes),
        "g": structure.has_group,
        "ng": len(structure.group),
        "width": [width for width, _ in structure.sizes],
        "height": [height for _, height in structure.sizes],
        "payload": payload[found.size :],
    }


def av1_aggregation(payload: bytes) -> dict[str, Any]:
    found = av1.parse(payload)
    return {
        "z": int(found.continues),
        "y": int(found.continued),
        "w": found.element_count,
        "n": int(found.new_sequence),
        "elements": list(found.elements),
    }


def vp8_munge(frames: list[dict[str, Any]]) -> list[list[int] | None]:
    numbers = picture.PictureNumbers()
    out: list[list[int] | None] = []
    for index, frame in enumerate(frames):
        found = vp8.Numbers(
            picture_at=2,
            picture_bits=frame["bits"],
            picture_id=frame["picture_id"],
            tl0_at=4,
            tl0picidx=frame["tl0picidx"],
            layer_at=5,
            keyidx=frame["keyidx"],
            temporal=frame["tid"],
            sync=False,
            size=6,
        )
        if frame["switch"] or not index:
            numbers.switch(found)
        if frame["forward"]:
            mapped = numbers.map(found)
            out.append(list(mapped) if mapped else None)
        else:
            numbers.withhold(found)
            out.append(None)
    return out


def vp8_unwrap(steps: list[list[int]]) -> list[int]:
    highest = steps[0][0]
    out = []
    for picture_id, bits in steps:
        value = picture.unwrap(picture_id, bits, highest)
        highest = max(highest, value)
        out.append(value)
    return out


def layers_allocation(data: bytes) -> dict[str, Any]:
    found = layers.parse(data)
    return {
        "rtp_stream_id": found.stream,
        "rtp_stream_count": len(found.spatial_layers),
    }


ADAPTERS: dict[str, Callable[..., Any]] = {
    "vp8.descriptor": vp8_descriptor,
    "vp8.rewrite": vp8.rewrite,
    "vp8.munge": vp8_munge,
    "vp8.unwrap_picture_id": vp8_unwrap,
    "vp9.descriptor": vp9_descriptor,
    "h264.depacketize": lambda payload: h264.Depacketizer().push(payload),
    "h264.nal_types": h264.unit_types,
    "h264.keyframe": lambda payload: describe("h264", payload).keyframe,
    "av1.aggregation": av1_aggregation,
    "video.layers_allocation": layers_allocation,
}


def entries() -> Iterator[Any]:
    for name in ("codecs.json", "rewrite.json"):
        path = shared_path("corpora", "vectors", name)
        for entry in json.loads(path.read_text())["entries"]:
            if entry["kind"] in ADAPTERS:
                yield pytest.param(entry, id=f"{entry['kind']} {entry['name']}")


def arguments(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key.removesuffix("_hex"): bytes.fromhex(value)
        if key.endswith("_hex")
        else value
        for key, value in entry["input"].items()
    }


def plain(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
    return value


@pytest.mark.parametrize("entry", list(entries()))
def test_vector(entry: dict[str, Any]) -> None:
    adapter = ADAPTERS[entry["kind"]]
    if entry.get("expect_error"):
        with pytest.raises(DecodeError):
            adapter(**arguments(entry))
        return
    try:
        got = plain(adapter(**arguments(entry)))
    except DecodeError:
        if entry.get("or_error"):
            return
        raise
    want = entry["expect"]
    if isinstance(want, dict):
        got = {key: got[key] for key in want}
    assert got == want


def chunks(data: bytes) -> Iterator[bytes]:
    """libwebrtc's corpus: flags, then values behind a length octet each."""
    at = 1
    while at < len(data):
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


def bad_dependency(data: bytes) -> None:
    structure = None
    for value in [data, *chunks(data)]:
        try:
            found = dependency.parse(value, structure)
        except DecodeError:
            continue
        structure = found.structure or structure


PARSERS: dict[str, list[Callable[[bytes], object]]] = {
    "h264": [
        lambda data: describe("h264", data),
        h264.unit_types,
        lambda data: h264.Depacketizer().push(data),
        lambda data: describe("h265", data),
    ],
    "vp9": [lambda data: describe("vp9", data), vp9.parse, vp8.parse, vp8.describe],
    "av1": [lambda data: describe("av1", data), av1.parse],
    "dependency-descriptor": [bad_dependency, layers.parse],
}


def bad_inputs() -> Iterator[Any]:
    for kind in PARSERS:
        for archive in sorted(shared_path("corpora", "bad", kind).glob("*.zip")):
            with zipfile.ZipFile(archive) as opened:
                for name in opened.namelist():
                    yield pytest.param(kind, opened.read(name), id=f"{kind} {name}")


@pytest.mark.parametrize(("kind", "data"), list(bad_inputs()))
def test_bad_input_is_refused_or_read_but_nothing_else(kind: str, data: bytes) -> None:
    for parser in PARSERS[kind]:
        began = time.perf_counter()
        with contextlib.suppress(DecodeError):
            parser(data)
        assert time.perf_counter() - began < SLOW_S
