"""The octets of legs: the vectors of RFC 0003 section 13, and what is refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.forwarding.relay import wire
from meshproto.wire import extensions, rtcp, rtp

VECTORS = json.loads(
    (Path(__file__).parents[4] / "rfcs/vectors/relay/wire.json").read_text()
)


@pytest.mark.parametrize("case", VECTORS["mesh"], ids=lambda case: case["name"])
def test_mesh_extensions_are_those_of_the_vectors(case: dict[str, object]) -> None:
    fields = ("hops", "flags", "epoch", "number", "order")
    hops, flags, epoch, number, order = (int(str(case[name])) for name in fields)
    value = bytes.fromhex(str(case["value"]))
    assert wire.encode_mesh(hops, flags, epoch, number, order) == value
    told = wire.MeshHeader(hops, flags, epoch, number >> 16, order)
    assert wire.decode_mesh(value) == told


@pytest.mark.parametrize("case", VECTORS["messages"], ids=lambda case: case["name"])
def test_messages_are_those_of_the_vectors(case: dict[str, object]) -> None:
    kinds = {"heartbeat": wire.Heartbeat, "activate": wire.Activate}
    name, packet = str(case["name"]), bytes.fromhex(str(case["packet"]))
    legs = tuple((alias, order) for alias, order in case["legs"])  # type: ignore[attr-defined]
    message = kinds[name](legs) if name in kinds else wire.KeepAlive()
    assert wire.encode(message, int(str(case["ssrc"]))) == packet
    assert wire.messages(packet) == [message]


@pytest.mark.parametrize("case", VECTORS["packets"], ids=lambda case: case["name"])
def test_the_index_stands_in_the_clear_header(case: dict[str, object]) -> None:
    packet = bytes.fromhex(str(case["packet"]))
    assert wire.srtp_index(packet) == case["index"]
    view = rtp.parse(packet)
    mesh, carried = wire.elements(packet, view)
    assert mesh.roll_over << 16 | view.sequence == case["index"]
    assert [[i, v.hex()] for i, v in carried] == case["carried"]
    block = wire.block(packet[case["mesh_at"] :][:10], carried)  # type: ignore[misc]
    assert packet[12 : view.header_length] == block


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["name"])
def test_what_has_no_mesh_element_in_front_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(DecodeError, match="srtp-mesh"):
        wire.srtp_index(bytes.fromhex(case["packet"]))


def test_the_mesh_element_must_be_there_and_have_ten_octets() -> None:
    for elements in ([], [(wire.MESH_ID, bytes(9))], [(wire.LEVEL_ID, b"\x20")]):
        packet = rtp.build(96, 1, 2, 3, b"x", extensions=elements)
        with pytest.raises(DecodeError, match="mesh-extension"):
            wire.elements(packet, rtp.parse(packet))


def test_unknown_elements_are_not_carried() -> None:
    mesh = wire.encode_mesh(1, 0, 0, 0, 0)
    elements = [(wire.MESH_ID, mesh), (5, b"abc"), (wire.LEVEL_ID, b"\x20")]
    packet = rtp.build(96, 1, 2, 3, b"x", extensions=elements)
    assert wire.elements(packet, rtp.parse(packet))[1] == [(wire.LEVEL_ID, b"\x20")]


def test_other_applications_and_subtypes_are_skipped() -> None:
    beat = wire.encode(wire.Heartbeat(((1, 2),)), 9)
    other = beat[:8] + b"NAME" + beat[12:]
    unknown = bytes((beat[0] | 7,)) + beat[1:]
    empty = rtcp.ReceiverReport(9, ()).encode()
    told = wire.messages(other + unknown + empty + beat)
    assert told == [wire.Heartbeat(((1, 2),))]


@pytest.mark.parametrize("entries", [0, wire.ENTRIES_MAX + 1])
def test_a_row_of_entries_has_bounds(entries: int) -> None:
    legs = tuple((n, n) for n in range(entries))
    with pytest.raises(DecodeError, match="mesh-app"):
        wire.messages(wire.encode(wire.Activate(legs), 1))


def test_half_an_entry_is_refused() -> None:
    packet = wire.encode(wire.Activate(((1, 2),)), 1)
    short = packet[:3] + bytes((packet[3] - 1,)) + packet[4:-4]
    with pytest.raises(DecodeError, match="mesh-app"):
        wire.messages(short)


@given(st.binary(max_size=200))
def test_reading_is_total(data: bytes) -> None:
    for read in (wire.srtp_index, wire.messages, wire.decode_mesh):
        with contextlib.suppress(DecodeError):
            read(data)


@given(
    st.integers(0, 31),
    st.integers(0, 7),
    st.integers(0, 255),
    st.integers(0, wire.NUMBER_MASK),
    st.integers(0, wire.NUMBER_MASK),
)
def test_the_extension_keeps_every_field(
    hops: int, flags: int, epoch: int, number: int, order: int
) -> None:
    value = wire.encode_mesh(hops, flags, epoch, number, order)
    told = wire.MeshHeader(hops, flags, epoch, number >> 16, order)
    assert wire.decode_mesh(value) == told
    assert len(wire.block(value, [])) == 16
    assert extensions.profile_for([(wire.MESH_ID, value)]) == 0xBEDE
