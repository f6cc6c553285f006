"""Who takes part in a drawn trace: cameras, tracks, and what viewers agreed on.

Sound, plain, simulcast and scalable video of several codecs, some of which the payload
does not tell and some that nobody knows, with numbers that begin near their wraps,
under feedback that is not always the usual.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from meshproto.forwarding.table import AddProducer, Selection
from meshproto.ids import ProducerId, TransportId
from meshproto.wire import extensions
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding
from support.forwarding import (
    FEEDBACK,
    H264,
    OPUS,
    PUBLISHER_EXTENSIONS,
    VIEWER_EXTENSIONS,
    VP8,
    Camera,
)
from support.trace_parts import REPAIRS, Uplink

VP9 = Codec(98, "vp9", 90000, rtx_payload_type=99, feedback=FEEDBACK)
AV1 = Codec(45, "av1", 90000, rtx_payload_type=46, feedback=FEEDBACK)
NOVEL = Codec(50, "novel", 90000, feedback=FEEDBACK)
CODECS = (VP8, VP9, H264, AV1, NOVEL)
SHAPES = ("vp8", "vp8", "simulcast", "simulcast", "h264", "vp9", "av1", "novel")
SHAPES += ("opus", "opus")
RIDS = ("a", "b", "c")
DESCRIPTOR = Extension(12, extensions.DEPENDENCY_DESCRIPTOR)
LEVEL = Extension(8, extensions.AUDIO_LEVEL)
STRUCTURE = bytes.fromhex("80000180003a410180ef808680")
"""A dependency descriptor that brings templates (as a key frame of AV1 does)."""

WIDE = (*VIEWER_EXTENSIONS[:3], Extension(17, extensions.VIDEO_ORIENTATION))
UNNUMBERED = (VIEWER_EXTENSIONS[0], VIEWER_EXTENSIONS[1])
SEEING = (*VIEWER_EXTENSIONS, DESCRIPTOR)


@dataclass
class ScalableCamera(Camera):
    """VP9 with `spatial` layers in every picture, and `temporal` ones over time."""

    codec: Codec = VP9
    spatial: int = 2

    def frame(self, key: bool | None = None) -> list[bytes]:
        if key is None:
            key = self.asked
        self.asked = False
        tid = 0 if key or self.temporal == 1 else self.frames % 2
        packets = []
        for layer in range(self.spatial):
            self.layer = layer
            for part in range(2):
                last = part and layer == self.spatial - 1
                size = self.size * (1 + layer)
                packets.append(self.packet(size // 2, not part, bool(last), key, tid))
        self.frames = 0 if key else self.frames + 1
        self.picture_id = self.picture_id + 1 & 0x7FFF
        self.timestamp = self.timestamp + 3000 & 0xFFFFFFFF
        return packets

    def payload(self, size: int, first: bool, key: bool, tid: int) -> bytes:
        """A descriptor in the non-flexible mode (RFC 9628 section 4.2)."""
        self.serial += 1
        flags = 0xA0 | (0 if key else 0x40) | (0x08 if first else 0x04)
        number = (0x8000 | self.picture_id).to_bytes(2, "big")
        up = 0x10 if tid else 0
        layer = tid << 5 | up | self.layer << 1 | bool(self.layer)
        head = bytes((flags,)) + number + bytes((layer, self.tl0 & 0xFF))
        return head + bytes(size) + (self.ssrc << 32 | self.serial).to_bytes(8, "big")


@dataclass
class Microphone(Camera):
    """Opus that says how loud it is (RFC 6464)."""

    codec: Codec = OPUS

    def _extensions(self) -> list[tuple[int, bytes]]:
        loud = (LEVEL.id, bytes((self.serial & 0xFF,)))
        return [*super()._extensions(), loud]


@dataclass
class DescribedCamera(Camera):
    """AV1: the header extension tells what the payload does not."""

    codec: Codec = AV1
    described: bytes = b""

    def payload(self, size: int, first: bool, key: bool, tid: int) -> bytes:
        flags = 0x80 if first else 0x40
        number = (self.picture_id & 0xFFFF).to_bytes(2, "big")
        self.described = bytes((flags | tid,)) + number
        if first and key:
            self.described = bytes((0x80,)) + number + STRUCTURE[3:]
        return super().payload(size, first, key, tid)

    def _extensions(self) -> list[tuple[int, bytes]]:
        return [*super()._extensions(), (DESCRIPTOR.id, self.described)]


def viewer_codecs(chance: random.Random) -> tuple[Codec, ...]:
    """Codecs of one viewer under payload types of its own; sometimes not all."""
    known = list(CODECS)
    if chance.random() < 0.2:
        known.remove(chance.choice(known))
    repaired = chance.random() < 0.8
    moved = [
        replace(
            codec,
            payload_type=codec.payload_type + 10,
            rtx_payload_type=codec.payload_type + 11 if repaired else None,
        )
        for codec in known
    ]
    return (*moved, OPUS)


def viewer_extensions(chance: random.Random) -> tuple[Extension, ...]:
    """Elements of one viewer; some need the two-byte form, some know no numbers."""
    usual = (VIEWER_EXTENSIONS, VIEWER_EXTENSIONS, SEEING)
    return chance.choice((*usual, WIDE, UNNUMBERED))


def selection(chance: random.Random) -> Selection:
    """What somebody wants to see."""
    caps = chance.choice((None, None, 0, 1)), chance.choice((None, None, 0, 1))
    rid = chance.choice((None, None, None, *RIDS))
    return Selection(rid, *caps, paused=chance.random() < 0.1)


def producer_codecs(chance: random.Random, first: Codec) -> tuple[Codec, ...]:
    """The camera's codec, and others that it might change to."""
    feedback = chance.choice((FEEDBACK, FEEDBACK, ("nack", "ccm fir"), ("goog-remb",)))
    others = tuple(codec for codec in CODECS if codec is not first)
    known = (first, *others) if chance.random() < 0.5 else (first,)
    return tuple(replace(codec, feedback=feedback) for codec in known)


def camera(chance: random.Random, shape: str, mid: str | None, rid: str) -> Camera:
    """One encoder, its numbers drawn."""
    given: dict[str, Any] = {
        "ssrc": chance.randrange(1 << 32),
        "mid": mid,
        "rid": rid or None,
        "sequence": chance.choice((1, 32_000, 65_400, chance.randrange(1 << 16))),
        "timestamp": chance.choice((0, 2**32 - 90_000, chance.randrange(1 << 32))),
        "picture_id": chance.choice((0, 0x7FF0, chance.randrange(1 << 15))),
        "tl0": chance.randrange(256),
        "temporal": chance.choice((1, 1, 2)),
        "size": chance.choice((300, 2_000, 9_000)) * (1 + 2 * RIDS.index(rid or "a")),
        "transport_sequence": chance.choice((None, 65_500, 7)),
    }
    match shape:
        case "vp9":
            spatial = chance.choice((1, 2, 3))
            return ScalableCamera(spatial=spatial, **given | {"size": 900})
        case "av1":
            return DescribedCamera(**given)
        case "opus":
            return Microphone(**given | {"size": 80, "fps": 50})
    codecs = {"h264": H264, "novel": NOVEL}
    return Camera(codec=codecs.get(shape, VP8), **given)


def uplink(chance: random.Random, encoder: Camera) -> Uplink:
    """The encoder's network."""
    return Uplink(
        chance,
        encoder,
        loss=chance.choice((0.0, 0.0, 0.02, 0.1)),
        swap=chance.choice((0.0, 0.03, 0.2)),
        double=chance.choice((0.0, 0.02)),
        repairs=chance.random() < 0.7,
    )


def track(
    chance: random.Random, number: int, owner: int
) -> tuple[AddProducer, list[Uplink]]:
    """A track, and the cameras that send it: recognised by mid, by SSRC or by type."""
    shape = chance.choice(SHAPES)
    rids = RIDS if shape == "simulcast" else ()
    declared = not rids and chance.random() < 0.4
    mid = None if declared else str(number)
    uplinks = [uplink(chance, camera(chance, shape, mid, r)) for r in rids or ("",)]
    ssrcs: tuple[SsrcBinding, ...] = ()
    if declared:
        ssrc = uplinks[0].camera.ssrc
        ssrcs = SsrcBinding(ssrc), SsrcBinding(ssrc ^ REPAIRS, repairs=ssrc)
    sound = shape == "opus"
    if sound and chance.random() < 0.5:
        uplinks[0].camera.mid = None  # only its payload type tells
    numbered = chance.random() < 0.7
    known = (
        extension
        for extension in (*PUBLISHER_EXTENSIONS, DESCRIPTOR, LEVEL)
        if numbered or extension.uri != extensions.TRANSPORT_SEQUENCE
    )
    first = uplinks[0].camera.codec
    added = AddProducer(
        ProducerId(number),
        TransportId(owner),
        MediaKind.AUDIO if sound else MediaKind.VIDEO,
        str(number),
        (OPUS,) if sound else producer_codecs(chance, first),
        tuple(known),
        rids,
        ssrcs,
    )
    return added, uplinks
