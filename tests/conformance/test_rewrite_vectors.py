"""The public vectors of rewriting, against the parts and against the whole forwarder.

`seq.rewrite` and `nack.generator` drive `Numbering` and `NackGenerator`; `rtp.munge`
and `vp8.munge` send real packets through a `Forwarder` and read what a viewer gets.
"""

from __future__ import annotations

from typing import Any

import pytest

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.feedback import NackGenerator
from meshproto.forwarding.rewrite import Numbering, Segment
from meshproto.forwarding.sequence import Unwrapper, newer
from meshproto.forwarding.table import MoveConsumer, Selection
from meshproto.ids import ConsumerId, ProducerId
from meshproto.wire import rtp
from meshproto.wire.descriptor import vp8
from support import vectors
from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Rig

REORDER = 1 << 15
"""How far before its first packet a source may still bring older ones, in vectors."""

OTHER_CHOICE = frozenset(
    (
        # padding behind a gap: LiveKit forwards it, here its number is closed
        "TestPaddingOnlyPacket",
        # a dropped number comes back: mediasoup forwards it under a used number
        "mediasoup dropped inputs to be removed going out of range, 1.",
        "mediasoup dropped inputs to be removed go out of range, 2.",
        "mediasoup dropped inputs to be removed go out of range, 3.",
    )
)


def rewrite(ops: list[list[Any]], bits: int, initial_output: int) -> list[int]:
    numbering: Numbering[str] = Numbering(0)
    numbers = Unwrapper(bits)
    out = []
    for index, (verb, value) in enumerate(ops):
        if verb == "sync" or not index:
            numbers = Unwrapper(bits)
            number = numbers.extend(value)
            start = number - (REORDER if verb != "sync" else 0)
            if not index:
                base = initial_output + (1 if verb == "sync" else number)
                numbering.highest = base - (number - start) - 1
            numbering.follow(Segment("", start, 0))
            if verb == "sync":
                continue
        number = numbers.extend(value)
        if verb == "drop":
            numbering.drop(number)
        else:
            placed = numbering.forward(number)
            out.append(-1 if placed is None else placed[1] % (1 << bits))
    return out


def unwrap(values: list[int], bits: int) -> list[int]:
    numbers = Unwrapper(bits)
    return [numbers.extend(value) for value in values]


def unwrap_pictures(steps: list[list[int]]) -> list[int]:
    numbers = Unwrapper(15)
    return [numbers.extend(picture, bits) for picture, bits in steps]


def munge(packets: list[dict[str, Any]], start: dict[str, int]) -> list[Any]:
    """Sound, so that no key frame is needed; padding-only packets have no payload."""
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, OPUS, plain=True)
    sequence, timestamp = start["sn"], start["ts"]
    ssrc = rig.watch(1, 1, 2, OPUS, plain=True, sequence=sequence, timestamp=timestamp)
    out: list[Any] = []
    seen: set[int] = set()
    for packet in packets:
        rig.got.clear()
        data = rtp.build(
            111, packet["sn"], packet["ts"], 7, bytes(packet["size"]), padding=4
        )
        rig.send(1, data)
        got = rig.media(2, ssrc)
        if got:
            out.append([got[0].view.sequence, got[0].view.timestamp])
        elif packet["sn"] in seen:
            out.append("duplicate")
        else:
            out.append("padding" if not packet["size"] else "late-unknown")
        seen.add(packet["sn"])
    return out


def pictures(frames: list[dict[str, Any]]) -> list[Any]:
    """Frames of one packet; a switch of source is a MoveConsumer."""
    rig = Rig()
    rig.client(1)
    rig.client(2)
    withheld = any(not frame["forward"] for frame in frames)
    selection = Selection(max_temporal=0) if withheld else Selection()
    cameras: list[Camera] = []
    out: list[Any] = []
    for frame in frames:
        switch = frame["switch"] or not cameras
        if switch:
            ssrc = 100 + len(cameras)
            cameras.append(Camera(ssrc=ssrc))
            transport = 10 + len(cameras)
            rig.client(transport)
            rig.publish(len(cameras), transport, VP8, plain=True)
            if len(cameras) == 1:
                watched = rig.watch(
                    1, 1, 2, VIEWER_VP8, plain=True, selection=selection
                )
            else:
                move = MoveConsumer(ConsumerId(1), ProducerId(len(cameras)))
                rig.forwarder.program(move, rig.now)
        rig.got.clear()
        rig.send(10 + len(cameras), one_packet(cameras[-1], frame, switch))
        rig.pass_time(1 / 30)
        got = rig.media(2, watched)
        out.append(numbers_of(got[0].payload) if got else None)
    return out


def one_packet(camera: Camera, frame: dict[str, Any], key: bool) -> bytes:
    wide = frame["bits"] == 15
    picture = frame["picture_id"]
    head = bytes((0x90, 0xF0))
    head += (0x8000 | picture).to_bytes(2, "big") if wide else bytes((picture,))
    head += bytes((frame["tl0picidx"], frame["tid"] << 6 | frame["keyidx"]))
    camera.sequence += 1
    camera.timestamp += 3000
    return rtp.build(
        96,
        camera.sequence,
        camera.timestamp,
        camera.ssrc,
        head + bytes((0 if key else 1, 1, 2)),
        marker=True,
    )


def numbers_of(payload: bytes) -> list[int]:
    found = vp8.locate(payload)
    return [found.picture_id, found.tl0picidx, found.keyidx]


def nacks(packets: list[list[Any]]) -> list[dict[str, bool]]:
    generator = NackGenerator(ForwardingConfig(nack_outstanding=1000))
    numbers = Unwrapper(16)
    out = []
    for sequence, _ in packets:
        kept_up = generator.received(numbers.extend(sequence), 0.0)
        asked, _ = generator.due(0.0)
        out.append({"nack": bool(asked), "keyframe_request": not kept_up})
    return out


ADAPTERS = {
    "seq.rewrite": rewrite,
    "seq.rewrite_mediasoup": rewrite,
    "seq.unwrap": unwrap,
    "seq.newer": newer,
    "rtp.munge": munge,
    "vp8.munge": pictures,
    "vp8.unwrap_picture_id": unwrap_pictures,
    "nack.generator": nacks,
}


def test_every_kind_of_vector_is_driven() -> None:
    assert vectors.kinds("rewrite.json") == set(ADAPTERS)


@pytest.mark.parametrize("entry", list(vectors.entries("rewrite.json", ADAPTERS)))
def test_vector(entry: dict[str, Any]) -> None:
    verdict = vectors.failure(entry, ADAPTERS)
    other_choice = entry["name"].split(" (")[0] in OTHER_CHOICE
    assert bool(verdict) == other_choice, verdict


def test_a_wrong_expectation_is_noticed() -> None:
    entry = next(iter(vectors.entries("rewrite.json", ADAPTERS))).values[0]
    assert vectors.failure(vectors.twisted(entry), ADAPTERS)
