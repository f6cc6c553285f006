"""How loud audio is, read out of the packets that are kept (RFC 6464).

Nobody counts levels as packets pass: whoever wants to know who speaks asks a few times
a second, and the history has the last packets with their header extensions.  A level is
the loudness in -dBov: 0 is the loudest, 127 is silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshproto.errors import DecodeError
from meshproto.forwarding.producer import Producer
from meshproto.ids import ProducerId
from meshproto.wire import extensions
from meshproto.wire.parameters import MediaKind

LOOK_BACK = 64
"""Packets that are looked at, of one producer at one time."""

Levels = dict[ProducerId, tuple[int, tuple[int, ...]]]
"""By producer: the number of its newest packet, and the levels since last time."""


def audio_levels(
    producers: Iterable[Producer], since: Mapping[ProducerId, int]
) -> Levels:
    """The levels of all audio packets after number `since`, the oldest first."""
    found: Levels = {}
    for producer in producers:
        if producer.kind is not MediaKind.AUDIO:
            continue
        wanted = [e.id for e in producer.extensions if e.uri == extensions.AUDIO_LEVEL]
        for layer in producer.layers.values():
            head = layer.history.head
            first = max(since.get(producer.id, head - LOOK_BACK), head - LOOK_BACK) + 1
            levels = [
                level
                for packet in layer.history.span(first, head)
                for level in _levels(packet.carried, wanted)
            ]
            found[producer.id] = (head, tuple(levels))
    return found


def _levels(carried: Iterable[tuple[int, bytes]], wanted: list[int]) -> Iterable[int]:
    for identifier, value in carried:
        if identifier in wanted:
            try:
                yield extensions.decode_audio_level(value).level
            except DecodeError:
                continue
