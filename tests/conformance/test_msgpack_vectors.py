"""The public MessagePack vectors through the decoder of frames, and its bad inputs
through everything that reads frames.
"""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from meshproto.errors import DecodeError
from meshproto.wire.control import frame
from meshproto.wire.control.peer import parse_peer
from support import vectors
from support.link_pair import LINK, Pair


def plain(value: Any) -> Any:
    """A value in the words of the corpus."""
    if isinstance(value, msgpack.ExtType):
        return {"ext": value.code, "data": value.data}
    if isinstance(value, msgpack.Timestamp):
        return {"timestamp": [value.seconds, value.nanoseconds]}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


ADAPTERS = {"msgpack.decode": lambda data: plain(frame.unpack(data))}


def test_every_kind_has_an_adapter() -> None:
    assert vectors.kinds("msgpack.json") == set(ADAPTERS)


@pytest.mark.parametrize("entry", vectors.entries("msgpack.json", ADAPTERS))
def test_entry(entry: dict[str, Any]) -> None:
    assert vectors.failure(entry, ADAPTERS) == ""


def wrapped(data: bytes) -> bytes:
    """A frame whose only loose record is `data`."""
    return b"\x96\x01\x05\x06\x07\x90\x91" + data


@pytest.mark.parametrize("data", vectors.bad_inputs("msgpack"))
def test_bad_input_is_refused(data: bytes) -> None:
    for parser in (frame.decode, parse_peer, lambda d: frame.decode(wrapped(d))):
        vectors.refused_or_read(parser, data)
    with pytest.raises(DecodeError):
        frame.unpack(data)


@pytest.mark.parametrize("data", vectors.bad_inputs("msgpack"))
def test_bad_input_in_a_segment_costs_a_penalty_and_no_link(data: bytes) -> None:
    pair = Pair.ready()
    channel = pair.a.links._nodes[pair.b.me].channel
    part = frame.Segment(0, 1, data[: frame.SEGMENT_OCTETS_MAX])
    hostile = frame.Frame(1, channel.peer, channel.session, 900, segments=(part,))
    assert pair.a.links.receive(LINK, frame.encode(hostile), pair.now) == []
    pair.pump(pair.a)
    assert pair.a.ready
    assert len(pair.a.outputs) >= 1
