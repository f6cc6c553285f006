"""Levels are read out of the history, each once, and only those of audio."""

from __future__ import annotations

import struct

from meshproto.forwarding.table import AddProducer
from meshproto.ids import ProducerId, TransportId
from meshproto.wire import extensions
from meshproto.wire.parameters import Codec, Extension, MediaKind
from support.forwarding import Rig

OPUS = Codec(111, "opus", 48_000, 2)
VP8 = Codec(96, "vp8", 90_000)
LEVEL = Extension(6, extensions.AUDIO_LEVEL)


def packet(sequence: int, level: int | None, ssrc: int = 7) -> bytes:
    """20 ms of sound with its level (RFC 6464, one-byte form of RFC 8285)."""
    first = 0x80 if level is None else 0x90
    head = struct.pack("!BBHII", first, 111, sequence, sequence * 960, ssrc)
    if level is None:
        return head + b"sound"
    return head + struct.pack("!HH", 0xBEDE, 1) + bytes((0x60, level, 0, 0)) + b"sound"


def rig() -> Rig:
    made = Rig()
    made.client(1)
    for number, kind, codec in (
        (1, MediaKind.AUDIO, OPUS),
        (2, MediaKind.VIDEO, VP8),
    ):
        made.forwarder.program(
            AddProducer(
                ProducerId(number),
                TransportId(1),
                kind,
                str(number),
                (codec,),
                (LEVEL,),
            ),
            made.now,
        )
    return made


def test_each_level_is_read_once() -> None:
    found = rig()
    for sequence, level in enumerate((20, 30, 127, 0x80 | 40)):
        found.send(1, packet(1000 + sequence, level))
    heads = {}
    levels = found.forwarder.audio_levels(heads)
    assert set(levels) == {ProducerId(1)}, "video has none"
    head, heard = levels[ProducerId(1)]
    assert heard == (20, 30, 127, 40)
    assert found.forwarder.audio_levels({ProducerId(1): head})[ProducerId(1)][1] == ()
    found.send(1, packet(1004, 50))
    assert found.forwarder.audio_levels({ProducerId(1): head})[ProducerId(1)][1] == (
        50,
    )


def test_packets_without_a_level_say_nothing() -> None:
    found = rig()
    found.send(1, packet(1000, None))
    assert found.forwarder.audio_levels({})[ProducerId(1)][1] == ()


def test_a_producer_without_packets_is_silent() -> None:
    assert rig().forwarder.audio_levels({})[ProducerId(1)][1] == ()
