"""Rendering: extensions, payload types, and how they are shared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.packet import Packet
from meshproto.forwarding.profile import (
    Profile,
    carried_ids,
    counterpart,
    header_of,
    stamp,
)
from meshproto.wire import extensions
from meshproto.wire.descriptor import OPAQUE
from meshproto.wire.parameters import Codec, Extension
from support.forwarding import H264, OPUS, VIEWER_VP8, VP8, read

LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
COLOR = "urn:example:color"
SOURCE = (
    Extension(2, extensions.ABS_SEND_TIME),
    Extension(3, extensions.TRANSPORT_SEQUENCE),
    Extension(9, extensions.MID),
    Extension(10, extensions.RID),
    Extension(11, LEVEL),
    Extension(12, COLOR),
)


def packet(
    number: int = 70_000, carried: tuple[tuple[int, bytes], ...] = (), size: int = 100
) -> Packet:
    return Packet(
        number,
        1_000,
        bytes(size),
        payload_type=96,
        codec="vp8",
        marker=True,
        carried=carried,
        facts=OPAQUE,
        arrival=0.0,
    )


def profile(*target: Extension, mid: str = "v") -> Profile:
    return Profile(((VP8, H264), SOURCE), ((VIEWER_VP8,), target), mid)


def sent(
    to: Profile, *packets: Packet, number: int | None = None, now: float = 5.0
) -> list[dict[int, bytes]]:
    out = stamp(to.render(packets, now), 7, -69_990, 500, number)
    read_back = [read(each, now) for each in out]
    for each, original in zip(read_back, packets, strict=True):
        assert each.index == original.number - 69_990
        assert each.view.timestamp == 1_500
        assert each.view.marker
        assert each.payload == original.media
    return [each.elements for each in read_back]


def test_without_extensions_there_is_no_extension_header() -> None:
    [(header, _, _, _)] = stamp(profile().render((packet(),), 0.0), 7, 0, 0, None)
    assert len(header) == 12
    assert not header[0] & 0x10


def test_each_hop_writes_its_own_mid_time_and_number() -> None:
    to = profile(
        Extension(1, extensions.MID),
        Extension(4, extensions.ABS_SEND_TIME),
        Extension(5, extensions.TRANSPORT_SEQUENCE),
    )
    first, second = sent(to, packet(), packet(70_001), number=65_535, now=64.5)
    assert first == {
        5: b"\xff\xff",
        1: b"v",
        4: extensions.encode_abs_send_time(64.5),
    }
    assert second[5] == b"\x00\x00"


def test_what_both_sides_know_is_carried_under_the_viewers_id() -> None:
    to = profile(Extension(6, LEVEL), Extension(1, extensions.MID))
    [elements] = sent(to, packet(carried=((11, b"\x85"), (12, b"xyz"))))
    assert elements == {1: b"v", 6: b"\x85"}
    assert carried_ids(SOURCE, (Extension(6, COLOR), Extension(7, extensions.RID))) == {
        12: 6
    }


def test_long_elements_and_high_ids_take_the_two_byte_form() -> None:
    to = profile(Extension(5, extensions.TRANSPORT_SEQUENCE), Extension(8, COLOR))
    [elements] = sent(to, packet(carried=((12, bytes(20)),)), number=300)
    assert elements == {5: b"\x01\x2c", 8: bytes(20)}
    high = profile(Extension(20, extensions.TRANSPORT_SEQUENCE))
    [elements] = sent(high, packet(), number=300)
    assert elements == {20: b"\x01\x2c"}


def test_padding_sets_its_bit_and_is_no_part_of_the_media() -> None:
    padded = packet()
    padded.pad(3)
    to = profile(Extension(5, extensions.TRANSPORT_SEQUENCE))
    [out] = stamp(to.render((padded,), 0.0), 7, 0, 0, 1)
    view = read(out, 0.0).view
    assert (view.padding_length, view.payload_length) == (3, 100)
    assert padded.media == bytes(100)


def test_the_payload_is_one_object_for_all_consumers() -> None:
    one = packet()
    rendered = profile().render((one,), 0.0)
    outs = [stamp(rendered, ssrc, 0, 0, None)[0][1] for ssrc in (1, 2, 3)]
    assert all(out is one.payload for out in outs)


def test_codecs_without_counterpart_are_not_known() -> None:
    to = profile()
    other = packet()
    other.payload_type = H264.payload_type
    assert to.knows(packet())
    assert not to.knows(other)
    assert to.knows_all({96})
    assert not to.knows_all({96, 102})


def test_counterparts_have_the_name_and_best_the_parameters() -> None:
    base = Codec(1, "h264", 90_000, parameters="profile-level-id=42e01f")
    high = Codec(2, "h264", 90_000, parameters="profile-level-id=64001f")
    assert counterpart(high, (OPUS, base, high)) is high
    assert counterpart(H264, (OPUS, base, high)) is base
    assert counterpart(OPUS, (base,)) is None


def test_repairs_have_the_type_that_was_negotiated_for_them() -> None:
    rendered = profile(Extension(1, extensions.MID)).render_repair(packet(), 0.0)
    assert rendered is not None
    header = header_of(rendered, (7, 70_000, 9), 0)
    assert header[1] == 0x80 | 124
    plain = Profile(((VP8,), ()), ((Codec(120, "vp8", 90_000),), ()), "")
    assert plain.render_repair(packet(), 0.0) is None


@given(
    st.lists(st.tuples(st.sampled_from((11, 12)), st.binary(max_size=40)), max_size=3),
    st.booleans(),
    st.integers(1, 255),
)
def test_whatever_is_carried_can_be_read_back(
    carried: list[tuple[int, bytes]], numbered: bool, identifier: int
) -> None:
    target = [Extension(6, LEVEL)] if identifier != 6 else []
    target.append(Extension(identifier, COLOR))
    if numbered and identifier != 5:
        target.append(Extension(5, extensions.TRANSPORT_SEQUENCE))
    to = Profile(((VP8,), SOURCE), ((VIEWER_VP8,), tuple(target)), "")
    number = 77 if to.numbered else None
    [elements] = sent(to, packet(carried=tuple(carried)), number=number)
    if to.numbered:
        assert elements.pop(5) == b"\x00\x4d"
    ids = {11: 6, 12: identifier}
    for source, value in carried:
        if ids[source] in {extension.id for extension in target}:
            assert ids[source] in elements or not value
