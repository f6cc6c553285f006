"""Records of the directory, and what is gossiped (RFC 0009 section 3)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.ids import NodeId, StreamId, StreamName
from meshproto.wire.control import directory as d
from meshproto.wire.control import schema
from support.directory import AUDIO, KEY, VIDEO, claim, notice

layers = st.builds(
    d.Layer,
    st.text("abc0", max_size=16),
    st.integers(0, 2**32 - 1),
    st.integers(0, 65_535),
    st.integers(0, 65_535),
    st.floats(0, 1_000),
)
tracks = st.builds(
    d.Track,
    st.text("abc0", max_size=64),
    st.sampled_from(d.TrackKind),
    st.text("abc0", max_size=32),
    st.integers(0, 2**32 - 1),
    st.text("abc0;=", max_size=255),
    st.lists(layers, max_size=12).map(tuple),
)
media = st.builds(d.Media, st.booleans(), st.lists(tracks, max_size=3).map(tuple))
names = st.from_regex(r"[A-Za-z0-9_.~-]{1,128}", fullmatch=True).map(StreamName)
claims = st.builds(
    d.Claim,
    st.binary(min_size=32, max_size=32),
    names,
    st.binary(min_size=8, max_size=42).map(NodeId),
    st.integers(0, d.COUNTER_MAX),
    st.integers(0, 2**48 - 1),
    st.binary(max_size=64),
)
bodies = st.builds(
    d.Body,
    claims,
    st.integers(0, 2**48 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(1, d.LIFETIME_MAX_S),
    st.binary(max_size=100),
)
notices = st.builds(
    d.Notice, st.binary(min_size=1, max_size=50), st.binary(min_size=1, max_size=64)
)
streams = st.binary(min_size=16, max_size=16).map(StreamId)
known = st.builds(d.Known, streams, st.binary(min_size=34, max_size=34))
buckets = st.builds(
    d.Bucket, st.integers(0, 255), st.booleans(), st.lists(known, max_size=3).map(tuple)
)
powers = st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128, 256])
records: st.SearchStrategy[Any] = st.one_of(
    st.builds(d.Digest, powers, st.binary(min_size=8, max_size=2_048)),
    st.builds(d.Summary, powers, st.lists(buckets, max_size=3).map(tuple)),
    st.builds(d.WantNotices, st.lists(streams, max_size=5).map(tuple)),
    st.builds(
        d.Notices,
        st.lists(st.builds(d.Held, st.integers(0, 86_400), notices), max_size=4).map(
            tuple
        ),
    ),
)


@given(media)
def test_media_survive_octets(value: d.Media) -> None:
    assert d.parse_media(d.build_media(value)) == value


@given(bodies)
def test_a_body_survives_octets(value: d.Body) -> None:
    assert d.parse_body(d.build_body(value)) == value


@given(records)
def test_every_record_survives_octets(value: Any) -> None:
    assert schema.decode(msgpack.unpackb(msgpack.packb(schema.encode(value)))) == value


@given(st.lists(notices, min_size=1, max_size=5))
def test_a_message_survives_octets(value: list[d.Notice]) -> None:
    assert d.parse_notices(d.build_notices(value)) == tuple(value)


@given(st.binary(max_size=300))
def test_octets_are_a_value_or_a_decode_error(data: bytes) -> None:
    for parser in (d.parse_media, d.parse_body, d.parse_notices):
        try:
            parser(data)
        except DecodeError:
            continue


def test_kinds_are_those_of_the_directory_and_go_in_bulk() -> None:
    kinds = (d.Digest, d.Summary, d.WantNotices, d.Notices)
    assert [kind.KIND for kind in kinds] == [32, 33, 34, 35]
    assert all(kind.RELIABLE and kind.BULK for kind in kinds)


def test_a_stream_id_is_the_hash_of_rfc_0005() -> None:
    wanted = hashlib.sha256(b"meshnode stream 1" + KEY + b"room").digest()[:16]
    assert d.stream_id(KEY, "room") == wanted == claim("room").stream


def test_a_body_of_a_later_version_is_read_and_its_octets_stay() -> None:
    plain = msgpack.unpackb(notice(claim()).body)
    later = msgpack.packb([*plain, "something new"])
    assert d.parse_body(later) == d.parse_body(notice(claim()).body)
    assert d.Notice(later, b"x").signed_part().endswith(later)


def test_what_is_signed_names_its_purpose() -> None:
    assert claim().signed_part().startswith(b"meshnode claim 1")
    assert d.Notice(b"body", b"x").signed_part() == b"meshnode notice 1body"


def test_the_claim_signature_covers_every_field() -> None:
    base = claim()
    others = [
        replace(base, key=b"q" * 32),
        replace(base, name=StreamName("other")),
        replace(base, origin=NodeId(b"another node")),
        replace(base, counter=2),
        replace(base, expires_ms=5),
    ]
    parts = {base.signed_part(), *(other.signed_part() for other in others)}
    assert len(parts) == 6


def order(**options: Any) -> bytes:
    held = options.pop("held", claim())
    made = notice(held, **options)
    return d.rank(d.parse_body(made.body), made.body)


def test_rank_is_counter_then_node_then_epoch_then_version() -> None:
    rising = [
        order(version=9),
        order(version=10, media=None),
        order(version=1, epoch=2),
        order(version=1, held=claim(origin=2)),
        order(version=0, epoch=0, held=claim(origin=0, counter=2)),
    ]
    assert rising == sorted(rising)
    assert {len(one) for one in rising} == {d.RANK_OCTETS}


def test_two_notices_of_one_version_have_an_order_all_the_same() -> None:
    assert order(media=AUDIO) != order(media=VIDEO)


def test_a_notice_of_two_tracks_fits_three_to_a_datagram() -> None:
    sizes = len(notice(claim("a-usual-name"), media=VIDEO).body) + 64
    assert 3 * (sizes + 30) < 1_150


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "ü", "a/b", 7, None])
def test_a_name_has_its_alphabet(name: Any) -> None:
    plain = msgpack.unpackb(notice(claim()).body)
    plain[0][1] = name
    with pytest.raises(DecodeError, match="record-name"):
        d.parse_body(msgpack.packb(plain))


@pytest.mark.parametrize(
    "plain",
    [
        [32, 3, bytes(8)],
        [32, 512, bytes(8)],
        [32, 0, bytes(8)],
        [32, 1, bytes(7)],
        [32, True, bytes(8)],
        [33, 1, [[256, True, []]]],
        [33, 1, [[0, True, [[bytes(16), bytes(33)]]]]],
        [34, [bytes(15)]],
        [35, [[-1, [b"body", b"x"]]]],
        [35, [[1, [b"", b"x"]]]],
        [35, [[1, [bytes(2_049), b"x"]]]],
        [35, [[1, [b"body", b"x"]]] * 33],
    ],
)
def test_what_is_out_of_bounds_is_refused(plain: list[Any]) -> None:
    with pytest.raises(DecodeError):
        schema.decode(plain)


@pytest.mark.parametrize("plain", [[], {}, [[b"body", b"x"]] * 33, [[b"body"]], 7])
def test_what_is_no_message_is_refused(plain: Any) -> None:
    with pytest.raises(DecodeError):
        d.parse_notices(msgpack.packb(plain))
