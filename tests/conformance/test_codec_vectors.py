"""The public codec vectors and the bad inputs for the same parsers: every entry,
through the adapters below.
"""

from __future__ import annotations

import contextlib
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
    vp8,
    vp9,
)
from support import vectors


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


def layers_allocation(data: bytes) -> dict[str, Any]:
    found = layers.parse(data)
    return {
        "rtp_stream_id": found.stream,
        "rtp_stream_count": len(found.spatial_layers),
    }


ADAPTERS: dict[str, Callable[..., Any]] = {
    "vp8.descriptor": vp8_descriptor,
    "vp8.rewrite": vp8.rewrite,
    "vp9.descriptor": vp9_descriptor,
    "h264.depacketize": lambda payload: h264.Depacketizer().push(payload),
    "h264.nal_types": h264.unit_types,
    "h264.keyframe": lambda payload: describe("h264", payload).keyframe,
    "av1.aggregation": av1_aggregation,
    "video.layers_allocation": layers_allocation,
}

ENTRIES = list(vectors.entries("codecs.json", ADAPTERS))


def test_every_kind_is_adapted() -> None:
    assert vectors.kinds("codecs.json") == set(ADAPTERS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_vector(entry: dict[str, Any]) -> None:
    assert not vectors.failure(entry, ADAPTERS)


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if not e.values[0].get("lenient")][::5]
)
def test_a_wrong_expectation_would_be_noticed(entry: dict[str, Any]) -> None:
    assert vectors.failure(vectors.twisted(entry), ADAPTERS)


def chunks(data: bytes) -> Iterator[bytes]:
    """libwebrtc's corpus: flags, then values behind a length octet each."""
    at = 1
    while at < len(data):
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


def dependency_sequence(data: bytes) -> None:
    structure = None
    for value in [data, *chunks(data)]:
        with contextlib.suppress(DecodeError):
            found = dependency.parse(value, structure)
            found.facts()
            structure = found.structure or structure


CODECS = ("vp8", "vp9", "h264", "h265", "av1")
KINDS = ("h264", "vp9", "av1", "dependency-descriptor")
PARSERS: tuple[Callable[[bytes], object], ...] = (
    *(
        lambda data, codec=codec: describe(codec, data)
        for codec in ("vp8", "vp9", "h264", "h265", "av1")
    ),
    vp8.parse,
    vp9.parse,
    av1.parse,
    h264.unit_types,
    lambda data: h264.Depacketizer().push(data),
    layers.parse,
    dependency_sequence,
)


@pytest.mark.parametrize(
    "data", [x for kind in KINDS for x in vectors.bad_inputs(kind)]
)
def test_bad_input_is_refused_or_read_but_nothing_else(data: bytes) -> None:
    for parser in PARSERS:
        vectors.refused_or_read(parser, data)
