"""The public RTP vectors: headers, extensions, retransmission, RED; bad packets."""

from __future__ import annotations

from typing import Any

import pytest

from meshproto.wire import extensions, red, rtp, rtx
from support import vectors

PROFILES = (extensions.ONE_BYTE_PROFILE, *range(0x1000, 0x1010))


def elements(packet: bytes, profile: int, offset: int, length: int) -> list[Any]:
    return [
        (identifier, packet[start : start + size])
        for identifier, start, size in extensions.spans(packet, profile, offset, length)
    ]


def parse(data: bytes) -> dict[str, Any]:
    view = rtp.parse(data)
    fields: dict[str, Any] = {
        "version": 2,
        "padding_size": view.padding_length,
        "extension": view.extension_offset > 0,
        "marker": view.marker,
        "payload_type": view.payload_type,
        "sequence_number": view.sequence,
        "timestamp": view.timestamp,
        "ssrc": view.ssrc,
        "csrc": list(rtp.csrcs(data)),
        "payload": rtp.payload(data, view),
    }
    if view.extension_offset:
        fields["extension_profile"] = view.extension_profile
    if view.extension_profile in PROFILES:
        fields["extensions"] = elements(data, *view[-3:])
    return fields


def roundtrip(data: bytes) -> bytes:
    view = rtp.parse(data)
    profile, body = None, []
    if view.extension_offset:
        profile = view.extension_profile
        body = [(0, data[view.extension_offset : view.header_length])]
    return rtp.build(
        view.payload_type,
        view.sequence,
        view.timestamp,
        view.ssrc,
        rtp.payload(data, view),
        marker=view.marker,
        csrcs=rtp.csrcs(data),
        extensions=elements(data, *view[-3:]) if profile in PROFILES else body,
        profile=profile,
        padding=view.padding_length,
    )


def value(uri: str, data: bytes) -> Any:
    match uri:
        case extensions.AUDIO_LEVEL:
            level = extensions.decode_audio_level(data)
            return {"voice": level.voice, "level": level.level}
        case extensions.PLAYOUT_DELAY:
            delay = extensions.decode_playout_delay(data)
            return {"min": delay.minimum, "max": delay.maximum}
        case extensions.VIDEO_ORIENTATION:
            turned = extensions.decode_video_orientation(data)
            return {
                "camera": turned.camera,
                "flip": turned.flip,
                "rotation": turned.rotation,
            }
        case extensions.ABS_SEND_TIME:
            return extensions.decode_abs_send_time(data)
        case extensions.TRANSPORT_SEQUENCE:
            return extensions.decode_transport_sequence(data)
        case extensions.TIME_OFFSET:
            return extensions.decode_time_offset(data)
    return extensions.decode_text(data)


def wrap(data: bytes, rtx_ssrc: int, rtx_payload_type: int, rtx_seq: int) -> bytes:
    return rtx.wrap(data, rtx_ssrc, rtx_payload_type, rtx_seq)


def unwrap(data: bytes, ssrc: int, payload_type: int) -> bytes:
    return rtx.unwrap(data, ssrc, payload_type)


ADAPTERS: vectors.Adapters = {
    "rtp.parse": parse,
    "rtp.roundtrip": roundtrip,
    "rtp.ext_decode": lambda profile, body: elements(body, profile, 0, len(body)),
    "rtp.ext_encode": extensions.encode,
    "rtp.ext_value": value,
    "rtp.rtx_wrap": wrap,
    "rtp.rtx_unwrap": unwrap,
    "rtp.red_decode": red.decode,
}
ENTRIES = list(vectors.entries("rtp.json", ADAPTERS))


def test_every_kind_is_adapted() -> None:
    assert vectors.kinds("rtp.json") == set(ADAPTERS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_vector(entry: dict[str, Any]) -> None:
    assert not vectors.failure(entry, ADAPTERS)


@pytest.mark.parametrize("entry", ENTRIES[::7])
def test_a_wrong_expectation_would_be_noticed(entry: dict[str, Any]) -> None:
    assert vectors.failure(vectors.twisted(entry), ADAPTERS)


@pytest.mark.parametrize("data", list(vectors.bad_inputs("rtp")))
def test_bad_packet(data: bytes) -> None:
    vectors.refused_or_read(parse, data)
    vectors.refused_or_read(lambda packet: rtx.unwrap(packet, 1, 96), data)
    vectors.refused_or_read(red.decode, data)
