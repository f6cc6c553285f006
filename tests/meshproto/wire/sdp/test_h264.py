"""Which H.264 streams suit which decoders (RFC 6184 section 8)."""

from __future__ import annotations

import pytest

from meshproto.wire.sdp.h264 import h264_profile, h264_serves


@pytest.mark.parametrize(
    ("value", "profile"),
    [
        ("42e01f", "baseline"),  # Constrained Baseline, browsers
        ("42001f", "baseline"),  # Chromium
        ("42001e", "baseline"),  # FFmpeg
        ("42c015", "baseline"),  # GStreamer
        ("4d801f", "baseline"),  # Main that says it is Baseline too
        ("58c01f", "baseline"),
        ("4d001f", "main"),
        ("64001f", "high"),
        ("640c1f", "constrained-high"),  # Safari
        ("640C34", "constrained-high"),
        ("", "baseline"),
        ("58001f", None),
        ("f4001f", None),
        ("42e0", None),
        ("0x42e0", None),
        ("42e01g", None),
        ("42_e01", None),
    ],
)
def test_profiles_by_name(value: str, profile: str | None) -> None:
    assert h264_profile(value) == profile


def fmtp(profile: str, mode: str = "1") -> dict[str, str]:
    return {"profile-level-id": profile, "packetization-mode": mode}


@pytest.mark.parametrize(
    ("stream", "decoder", "serves"),
    [
        ("42e01f", "42e01f", True),
        ("42001e", "42e01f", True),
        ("42e01f", "640c1f", True),
        ("42e01f", "4d001f", True),
        ("4d001f", "64001f", True),
        ("640c1f", "64001f", True),
        ("4d001f", "42e01f", False),
        ("64001f", "42e01f", False),
        ("64001f", "640c1f", False),
        ("4d001f", "640c1f", False),
        ("f4001f", "f4001f", False),
    ],
)
def test_a_decoder_takes_its_own_and_smaller_profiles(
    stream: str, decoder: str, serves: bool
) -> None:
    assert (h264_serves(fmtp(stream), fmtp(decoder)) is not None) is serves


@pytest.mark.parametrize(
    ("ours", "theirs", "serves"),
    [("1", "1", True), ("0", "0", True), ("0", "1", True), ("1", "0", False)],
)
def test_packets_that_may_be_fragments_need_mode_1(
    ours: str, theirs: str, serves: bool
) -> None:
    found = h264_serves(fmtp("42e01f", ours), fmtp("42e01f", theirs))
    assert (found is not None) is serves


def test_the_exact_profile_is_the_best_fit() -> None:
    stream = fmtp("42e01f")
    fits = [
        h264_serves(stream, decoder)
        for decoder in (
            fmtp("42e01f"),
            fmtp("42001f"),
            fmtp("4d001f"),
        )
    ]
    assert fits == sorted(fits, key=lambda fit: fit or 0)
    assert fits[0] == 0


def test_absent_values_mean_baseline_in_mode_0() -> None:
    assert h264_serves({}, {}) == 0


def test_a_decoder_that_states_nothing_is_served_after_every_other() -> None:
    stream = {"profile-level-id": "42e01f", "packetization-mode": "1"}
    assert h264_serves(stream, stream) == 0
    silent = h264_serves(stream, {})
    assert silent is not None
    assert silent > 7  # the worst that a stated match can be
