"""Records of trees: vectors, round trips, total decoding, sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.ids import NodeId, ShortId, StreamId
from meshproto.wire.control import distribution as w
from meshproto.wire.control import schema
from meshproto.wire.control.frame import SEGMENT_OCTETS_MAX, VALUE_OCTETS_MAX
from meshproto.wire.control.peer import MediaAddress, PeerRecord, Reach

VECTORS = json.loads(
    (
        Path(__file__).resolve().parents[4] / "rfcs/vectors/distribution/records.json"
    ).read_text()
)
KINDS = range(64, 89)

streams = st.binary(min_size=16, max_size=16).map(StreamId)
nodes = st.binary(min_size=8, max_size=42).map(NodeId)
paths = st.lists(
    st.binary(min_size=8, max_size=8).map(ShortId), max_size=w.PATH_MAX
).map(tuple)
serials = st.integers(0, 2**32 - 1)
delays = st.integers(0, 6_000_000).map(lambda units: units / 100_000)
rooms = st.integers(0, 65_535)
sequences = st.integers(0, 2**48 - 1)
whys, uses = st.sampled_from(list(w.Why)), st.sampled_from(list(w.Use))
peers = st.builds(
    PeerRecord,
    nodes,
    st.integers(0, 2**48 - 1),
    serials,
    st.just((MediaAddress(b"\x0a\x00\x00\x01", 5000),)),
    st.just(()),
    st.sampled_from(list(Reach)),
    st.integers(0, 4096),
    st.integers(0, 4096),
    st.just(""),
    st.just(""),
    st.just((0.5, 0.25, -1.0, 0.0)),
    st.binary(max_size=64),
)
targets = st.lists(
    st.builds(w.Target, nodes, delays, rooms, st.none() | peers), max_size=3
).map(tuple)
demands = st.builds(
    w.Demand,
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**20),
    st.integers(0, 2**20),
    rooms,
    rooms,
    delays,
)
places = st.builds(w.Place, nodes, delays, delays, paths, st.none() | peers)
lines = st.lists(delays, max_size=w.PATH_MAX).map(tuple)
rates = st.lists(serials, max_size=16).map(tuple)
flags = st.booleans()
numbers, labels = st.integers(0, 2**53), st.text(max_size=256)
said = st.text(max_size=99) | st.binary(max_size=99)
records = st.one_of(
    st.builds(
        w.Join,
        streams,
        serials,
        nodes,
        uses,
        demands,
        st.none() | sequences,
        st.none() | places,
    ),
    st.builds(
        w.Accept,
        streams,
        serials,
        serials,
        sequences,
        delays,
        paths,
        lines,
        rates,
        st.none() | nodes,
    ),
    st.builds(w.Redirect, streams, serials, targets),
    st.builds(w.Refuse, streams, serials, whys),
    st.builds(w.Stalled, streams, serials),
    st.builds(w.Leave, streams, serials, st.none() | nodes),
    st.builds(w.Drop, streams, serials, whys, targets),
    st.builds(w.Path, streams, delays, paths, lines),
    st.builds(w.Interest, streams, serials, demands),
    st.builds(w.Pause, streams, serials, sequences),
    st.builds(w.Resume, streams, serials, sequences),
    st.builds(w.Pulse, streams, sequences),
    st.builds(w.Query, streams, serials),
    st.builds(
        w.Tell, streams, serials, delays, st.integers(0, 255), paths, lines, targets
    ),
    st.builds(w.MoveCommit, streams, serials, nodes, st.integers(0, 24)),
    st.builds(w.MoveVerdict, streams, serials, nodes, flags, paths),
    st.builds(w.SwapAsk, streams, serials, delays, places),
    st.builds(w.SwapAnswer, streams, serials, flags),
    st.builds(w.SwapGo, streams, serials),
    st.builds(w.Release, streams, serials, targets, st.booleans()),
    st.builds(w.Rely, streams, serials, demands),
    st.builds(w.MessageDown, streams, nodes, numbers, labels, said),
    st.builds(w.MessageUp, streams, nodes, numbers, labels, said),
    st.builds(w.WhoAbove, streams),
    st.builds(w.Names, streams, st.lists(nodes, max_size=w.PATH_MAX).map(tuple)),
)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats()
    | st.binary(max_size=50)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=8),
    max_leaves=20,
)


def wire(value: schema.Record) -> bytes:
    packed: bytes = msgpack.packb(schema.encode(value))
    return packed


def unwire(octets: bytes) -> schema.Record | None:
    return schema.decode(msgpack.unpackb(octets, raw=False))


def octets(value: Any) -> Any:
    """A record's array of the vectors, octets in hex."""
    if isinstance(value, list):
        return [octets(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


@pytest.mark.parametrize("vector", VECTORS["records"], ids=lambda v: v["record"])
def test_vectors_decode_and_encode_to_the_same_octets(vector: dict[str, Any]) -> None:
    value = unwire(bytes.fromhex(vector["wire"]))
    assert type(value).__name__ == vector["record"]
    assert value is not None
    assert wire(value).hex() == vector["wire"]
    assert octets(schema.encode(value)) == vector["array"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["name"])
def test_what_must_not_decode_does_not(vector: dict[str, str]) -> None:
    with pytest.raises(DecodeError):
        unwire(bytes.fromhex(vector["wire"]))


def test_every_kind_has_a_vector() -> None:
    shown = {vector["array"][0] for vector in VECTORS["records"]}
    declared = {kind for kind in schema.REGISTRY if 64 <= kind <= 95}
    assert shown == declared == set(KINDS)


@given(records)
def test_records_survive_the_wire(value: schema.Record) -> None:
    assert unwire(wire(value)) == value


@pytest.mark.untraced
@given(st.sampled_from(list(KINDS)), st.lists(plain, max_size=10))
def test_any_fields_give_a_record_or_a_decode_error(
    kind: int, items: list[Any]
) -> None:
    try:
        value = schema.decode([kind, *items])
    except DecodeError:
        return
    assert value is not None
    assert kind == type(value).KIND


def test_fields_of_a_later_version_are_ignored() -> None:
    said = w.Stalled(StreamId(bytes(16)), 7)
    assert schema.decode([*schema.encode(said), "later", 5]) == said


def test_all_are_reliable_and_only_messages_take_the_second_lane() -> None:
    shapes = [schema.REGISTRY[kind] for kind in KINDS]
    assert all(shape.RELIABLE for shape in shapes)
    assert [s for s in shapes if s.BULK] == [w.MessageDown, w.MessageUp]


def test_the_largest_message_is_a_value_that_a_lane_carries() -> None:
    label, data = "\U0001f600" * 256, bytes(w.MESSAGE_OCTETS_MAX)
    said = w.MessageUp(StreamId(bytes(16)), NodeId(bytes(42)), 2**53, label, data)
    assert len(wire(said)) <= VALUE_OCTETS_MAX


def test_text_and_octets_of_messages_stay_what_they_are() -> None:
    for data in ("\u00e9", b"\xc3\xa9"):
        value = w.MessageDown(StreamId(bytes(16)), NodeId(bytes(38)), 1, "chat", data)
        decoded = unwire(wire(value))
        assert isinstance(decoded, w.MessageDown)
        assert decoded.data == data
        assert type(decoded.data) is type(data)


def test_a_renewal_is_short() -> None:
    node_demand = w.Demand(7, 300, 120, 40, 50, 3.0)
    assert len(wire(w.Interest(StreamId(bytes(16)), 2**31, node_demand))) <= 48


def test_the_longest_path_fits_a_frame() -> None:
    line = tuple(ShortId(bytes([k]) * 8) for k in range(w.PATH_MAX))
    delays_s = tuple(0.5 for _ in line)
    accept = w.Accept(
        StreamId(bytes(16)), 1, 1, 1, 1.0, line, delays_s, (2**31,) * w.LAYERS_MAX
    )
    assert len(wire(accept)) <= 700


def test_the_names_of_the_longest_path_fit_a_frame() -> None:
    line = tuple(NodeId(bytes([k]) * 38) for k in range(w.PATH_MAX))
    assert len(wire(w.Names(StreamId(bytes(16)), line))) <= SEGMENT_OCTETS_MAX


def test_three_usual_targets_fit_a_frame() -> None:
    peer = PeerRecord(
        NodeId(b"p" * 38),
        2**41,
        9,
        (MediaAddress(b"\x0a\x00\x00\x01", 5000), MediaAddress(b"\x20" * 16, 5000)),
        (b"/ip4/192.0.2.1/tcp/5000",),
        Reach.DIRECT,
        8,
        8,
        "",
        "",
        (0.1, 0.1, 0.1, 0.1),
        b"s" * 64,
    )
    named = tuple(w.Target(peer.node, 0.1, 9, peer) for _ in range(3))
    assert len(wire(w.Redirect(StreamId(bytes(16)), 1, named))) <= 1100
