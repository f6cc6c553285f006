"""Payload types of our own offers."""

from __future__ import annotations

import pytest

from meshproto.errors import LimitError
from meshproto.wire.parameters import Codec
from meshproto.wire.sdp.payloads import PayloadTypes

VP8 = Codec(1, "vp8", 90_000)
OPUS = Codec(1, "opus", 48_000, 2, "useinbandfec=1")


def numbers(codec: Codec) -> tuple[int, int | None]:
    return codec.payload_type, codec.rtx_payload_type


def test_new_codecs_get_the_numbers_browsers_give() -> None:
    payloads = PayloadTypes()
    assert numbers(payloads.assign(VP8, ("nack",), with_rtx=True)) == (96, 97)
    assert numbers(payloads.assign(OPUS, (), with_rtx=False)) == (111, None)
    assert payloads.assign(VP8, ("nack",), with_rtx=True).feedback == ("nack",)


def test_a_codec_in_use_keeps_its_number_whatever_its_parameters_say() -> None:
    used = Codec(109, "opus", 48_000, 2, "minptime=10")
    assert PayloadTypes([used]).assign(OPUS, (), with_rtx=False).payload_type == 109
    vp8 = Codec(120, "vp8", 90_000, rtx_payload_type=124)
    payloads = PayloadTypes([vp8])
    assert numbers(payloads.assign(VP8, (), with_rtx=True)) == (120, 124)
    assert numbers(payloads.assign(VP8, (), with_rtx=False)) == (120, None)


def test_another_profile_is_another_number() -> None:
    payloads = PayloadTypes()
    first = Codec(1, "h264", 90_000, 1, "packetization-mode=1;profile-level-id=42e01f")
    second = Codec(1, "h264", 90_000, 1, "packetization-mode=1;profile-level-id=640032")
    assert numbers(payloads.assign(first, (), with_rtx=True)) == (102, 103)
    assert numbers(payloads.assign(second, (), with_rtx=True)) == (96, 97)
    assert numbers(payloads.assign(first, (), with_rtx=True)) == (102, 103)


def test_a_number_in_use_for_something_else_is_left_alone() -> None:
    vp9 = Codec(96, "vp9", 90_000, rtx_payload_type=97)
    assert numbers(PayloadTypes([vp9]).assign(VP8, (), with_rtx=True)) == (98, 99)


def test_a_static_number_has_its_retransmissions_among_the_dynamic_ones() -> None:
    pcmu = Codec(0, "pcmu", 8_000)
    assert numbers(PayloadTypes().assign(pcmu, (), with_rtx=True)) == (0, 96)


def test_numbers_run_out_with_a_limit_error() -> None:
    payloads = PayloadTypes()
    for level in range(61):
        codec = Codec(1, "vp9", 90_000, 1, f"profile-id={level}")
        payloads.assign(codec, (), with_rtx=False)
    with pytest.raises(LimitError, match="payload_types"):
        payloads.assign(VP8, (), with_rtx=False)
