"""The small judgements that the values make themselves."""

from __future__ import annotations

import pytest

from meshproto.wire.sdp.model import Direction, Format, fmtp_values
from meshproto.wire.sdp.parse import parse
from support.sdp import audio, description, only_media, section, video


@pytest.mark.parametrize(
    ("direction", "sends", "receives"),
    [
        (Direction.SENDRECV, True, True),
        (Direction.SENDONLY, True, False),
        (Direction.RECVONLY, False, True),
        (Direction.INACTIVE, False, False),
    ],
)
def test_directions_say_who_sends(
    direction: Direction, sends: bool, receives: bool
) -> None:
    assert (direction.sends, direction.receives) == (sends, receives)


def test_fmtp_values_fold_case_of_keys_and_keep_the_first() -> None:
    values = fmtp_values("Profile-Id=2; level-asymmetry-allowed=1;profile-id=0;x")
    assert values == {"profile-id": "2", "level-asymmetry-allowed": "1", "x": ""}


@pytest.mark.parametrize(
    ("name", "parameters", "repairs"),
    [
        ("rtx", "apt=96", 96),
        ("rtx", "APT=96;rtx-time=3000", 96),
        ("rtx", "apt=", None),
        ("rtx", "apt=x", None),
        ("rtx", "apt=12345", None),
        ("rtx", "", None),
        ("vp8", "apt=96", None),
    ],
)
def test_rtx_names_what_it_repairs(
    name: str, parameters: str, repairs: int | None
) -> None:
    found = Format(97, f"{name}/90000", name, 90_000, parameters=parameters)
    assert found.repairs == repairs


def test_port_zero_is_stopped_unless_bundle_only() -> None:
    assert only_media(video()).live
    assert not only_media(section("video", "96", port=0)).live
    assert only_media(section("video", "96", ["a=bundle-only"], port=0)).live


def test_the_bundle_is_the_first_group_of_that_name() -> None:
    text = description(audio(mid="a"), session=["a=group:LS a", "a=group:BUNDLE other"])
    assert parse(text).bundle() == ("a",)
    assert parse(description(section("audio", "111"))).bundle() == ()


def test_a_section_knows_the_line_it_began_at() -> None:
    lines = description(audio(), video()).split("\r\n")
    numbers = [media.line for media in parse("\r\n".join(lines)).media]
    assert [lines[number - 1][:7] for number in numbers] == ["m=audio", "m=video"]
