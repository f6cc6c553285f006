"""The vectors of RFC 0003 are what our forwarder does, and show what they are for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from meshproto.wire import rtp
from meshproto.wire.descriptor import vp8
from support.forwarding_cases import CASES, LATE
from support.forwarding_vectors import (
    FOLDER,
    Json,
    check_deltas,
    check_replay,
    load,
    vectors,
)

VIDEO, REPAIR = 0x50000001, 0x51000001


def named(name: str) -> Json:
    return load(FOLDER / f"{name}.json")


def sent(vector: Json, transport: int = 2) -> Iterator[tuple[int, rtp.RtpView, bytes]]:
    """(index, header, payload) of everything a transport was sent."""
    for step in vector["steps"]:
        for burst in step.get("bursts", ()):
            if burst["transport"] == transport:
                for index, text in burst["packets"]:
                    data = bytes.fromhex(text)
                    view = rtp.parse(data)
                    yield index, view, rtp.payload(data, view)


def media(name: str) -> list[tuple[int, rtp.RtpView, bytes]]:
    return [found for found in sent(named(name)) if found[1].ssrc == VIDEO]


def test_there_is_a_file_for_every_story() -> None:
    assert {path.stem for path in vectors()} == CASES.keys()


@pytest.mark.parametrize("path", vectors(), ids=lambda path: path.stem)
def test_our_forwarder_sends_what_a_vector_says(path: Path) -> None:
    check_replay(path)


@pytest.mark.parametrize("path", vectors(), ids=lambda path: path.stem)
def test_the_deltas_of_a_vector_survive_bytes(path: Path) -> None:
    check_deltas(path)


@pytest.mark.parametrize("path", vectors(), ids=lambda path: path.stem)
def test_no_ssrc_has_a_hole_and_no_index_comes_twice(path: Path) -> None:
    indices: dict[tuple[int, int], list[int]] = defaultdict(list)
    for transport in (2, LATE):
        for index, view, _ in sent(load(path), transport):
            indices[transport, view.ssrc].append(index)
            assert view.sequence == index & 0xFFFF
    assert indices
    for found in indices.values():
        assert sorted(found) == list(range(min(found), max(found) + 1))


def test_a_switch_of_layers_shows_no_seam() -> None:
    events = [
        e for s in named("simulcast-switch")["steps"] for e in s.get("events", ())
    ]
    switched = [e["rid"] for e in events if e["event"] == "LayerSwitched"]
    assert switched == ["l", "h"]
    frames = {view.timestamp: payload for _, view, payload in media("simulcast-switch")}
    steps = {b - a for a, b in pairwise(frames)}
    # by the reports the high layer is 50 ms behind the low one that left before it
    assert steps == {9_000, 4_500}
    pictures = [vp8.locate(payload).picture_id for payload in frames.values()]
    assert pictures == list(range(pictures[0], pictures[0] + len(pictures)))


def test_losses_are_repeated_in_the_repair_stream_but_not_too_soon() -> None:
    payloads = [p for _, view, p in sent(named("nack-rtx")) if view.ssrc == REPAIR]
    asked = [int.from_bytes(payload[:2], "big") for payload in payloads]
    assert [number for number in asked if number in {501, 503}] == [501, 503] * 2
    originals = {index: payload for index, _, payload in media("nack-rtx")}
    for number, payload in zip(asked, payloads, strict=True):
        assert originals[number] == payload[2:]


def test_without_rtx_the_protected_packet_is_named() -> None:
    resends = [r for s in named("nack-plain")["steps"] for r in s.get("resends", ())]
    assert [r["packet_index"] for r in resends] == [501, 503] * 2


def test_a_late_joiner_begins_with_a_key_frame_without_asking() -> None:
    vector = named("late-joiner")
    joined = next(
        at
        for at, step in enumerate(vector["steps"])
        if any(call.get("kind") and call["transport"] == LATE for call in step["calls"])
    )
    index, view, payload = next(sent({"steps": [vector["steps"][joined]]}, LATE))
    assert (index, view.timestamp) == (300, 1_000)
    assert vp8.describe(payload).keyframe


def test_the_numbers_wrap() -> None:
    indices = [index for index, _, _ in media("wrap-around")]
    assert indices[0] == 65_531
    assert indices[-1] > 65_536
    times = [view.timestamp for _, view, _ in media("wrap-around")]
    assert times[0] > 2**31 > times[-1]


def test_a_temporal_layer_is_left_out_and_comes_back() -> None:
    payloads = [payload for _, _, payload in media("temporal-layer")]
    layers = {vp8.locate(p).picture_id: vp8.describe(p).temporal for p in payloads}
    pictures = list(layers)
    assert pictures == list(range(pictures[0], pictures[0] + len(pictures)))
    assert "".join(map(str, layers.values())) == "0101000010101"
