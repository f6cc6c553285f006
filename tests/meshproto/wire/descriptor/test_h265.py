"""H.265 payloads (RFC 7798 section 4)."""

from __future__ import annotations

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import h265

TRAIL_N, TRAIL_R, TSA_N, IDR, CRA = 0, 1, 2, 19, 21


def unit(kind: int, body: str = "", *, layer: int = 0, temporal: int = 0) -> bytes:
    head = kind << 9 | layer << 3 | temporal + 1
    return head.to_bytes(2, "big") + bytes.fromhex(body)


def aggregate(*units: bytes) -> bytes:
    sized = (len(each).to_bytes(2, "big") + each for each in units)
    return unit(48) + b"".join(sized)


def fragment(kind: int, flags: int, body: str, **ids: int) -> bytes:
    return unit(49, **ids) + bytes((flags | kind,)) + bytes.fromhex(body)


@pytest.mark.parametrize("kind", [h265.VPS, h265.SPS, IDR, CRA])
def test_parameters_and_random_access_pictures_are_key_frames(kind: int) -> None:
    facts = h265.describe(unit(kind, "af"))
    assert facts.start
    assert facts.keyframe
    assert facts.switch_up


def test_picture_parameters_alone_start_no_key_frame() -> None:
    facts = h265.describe(unit(h265.PPS, "00"))
    assert (facts.start, facts.keyframe) == (True, False)


def test_a_key_frame_of_a_higher_layer_is_a_spatial_switch() -> None:
    facts = h265.describe(unit(IDR, "80", layer=33))
    assert (facts.keyframe, facts.spatial_switch, facts.spatial) == (False, True, 33)


def test_the_first_slice_starts_the_picture() -> None:
    assert h265.describe(unit(TRAIL_R, "80")).start
    assert not h265.describe(unit(TRAIL_R, "40")).start
    assert not h265.describe(unit(TRAIL_R)).start


def test_temporal_layers() -> None:
    facts = h265.describe(unit(TSA_N, "80", temporal=2))
    assert (facts.temporal, facts.switch_up, facts.discardable) == (2, True, True)
    assert not h265.describe(unit(TRAIL_R, "80", temporal=2)).switch_up


def test_fragments() -> None:
    first = h265.describe(fragment(IDR, 0x80, "af", temporal=1))
    assert (first.start, first.keyframe, first.temporal) == (True, True, 1)
    assert not h265.describe(fragment(IDR, 0x00, "af")).keyframe
    assert not h265.describe(fragment(IDR, 0x40, "af")).start
    assert not h265.describe(fragment(TRAIL_R, 0x80, "40")).start


def test_an_aggregate_is_a_key_frame_when_one_of_its_units_is() -> None:
    plain = unit(TRAIL_R, "80")
    assert h265.describe(aggregate(unit(35, "50"), unit(IDR, "80"))).keyframe
    found = h265.describe(aggregate(plain, unit(TRAIL_R, "40")))
    assert (found.start, found.keyframe) == (True, False)
    assert not h265.describe(aggregate(unit(TRAIL_R))).start


def test_paci_is_looked_through() -> None:
    inner = unit(IDR, "af")
    outer = unit(50)
    # A = 0, cType = IDR, PHSsize = 3, then three octets of extension
    fields = (IDR << 9 | 3 << 4).to_bytes(2, "big")
    facts = h265.describe(outer + fields + b"abc" + inner[2:])
    assert facts == h265.describe(inner)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x02",
        b"\x02\x00",
        unit(49),
        unit(49) + b"\x93",
        unit(51, "00"),
        unit(48),
        unit(48, "000126"),
        unit(48, "000826010203"),
        aggregate(aggregate(unit(IDR, "80"))),
        unit(50, "6400"),
        unit(50),
    ],
)
def test_what_cannot_be_is_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        h265.describe(payload)
