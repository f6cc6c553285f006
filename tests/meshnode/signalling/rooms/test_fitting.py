"""Pictures under a limit: the important ones first, nothing above it, sound always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.signalling.rooms.fitting import (
    AUDIO_BPS,
    PAUSED,
    Picture,
    enough,
    fit,
    lower,
)
from meshproto.forwarding.table import Selection
from meshproto.ids import StreamName

THREE = (("q", 100_000), ("h", 400_000), ("f", 1_500_000))


SIZES = (("q", 320, 180), ("h", 640, 360), ("f", 1280, 720))


@pytest.mark.parametrize(
    ("size", "rid"),
    [
        ((160, 90), "q"),
        ((390, 220), "q"),
        ((500, 281), "h"),
        ((800, 450), "h"),
        ((1920, 1080), None),
        ((200, 2000), "q"),
    ],
)
def test_no_more_than_is_seen(size: tuple[int, int], rid: str | None) -> None:
    assert enough(SIZES, size) == rid
    assert enough((("q", 0, 0), ("f", 0, 0)), size) is None, "sizes are not known yet"


def test_the_cheaper_of_two_bounds_counts() -> None:
    assert lower(["q", "h", "f"], "h", "q") == "q"
    assert lower(["q", "h", "f"], None, "h") == "h"
    assert lower(["q", "h", "f"], "gone", None) is None


def picture(name: str, layers=THREE, most: str | None = None) -> Picture:
    return Picture(StreamName(name), layers, most)


def test_everything_fits_under_a_large_limit() -> None:
    found = fit(10_000_000, 2, [picture("a"), picture("b")])
    assert set(found.values()) == {Selection("f")}


def test_the_cheapest_of_all_goes_before_more_of_one() -> None:
    found = fit(600_000, 0, [picture("a"), picture("b")])
    assert found == {"a": Selection("h"), "b": Selection("q")}


def test_what_does_not_fit_is_paused_from_the_end() -> None:
    found = fit(250_000, 0, [picture("a"), picture("b"), picture("c")])
    assert found == {"a": Selection("q"), "b": Selection("q"), "c": PAUSED}


def test_sound_is_taken_off_first() -> None:
    assert fit(100_000 + AUDIO_BPS, 2, [picture("a")]) == {"a": PAUSED}


def test_a_chosen_layer_is_not_exceeded() -> None:
    assert fit(9_000_000, 0, [picture("a", most="h")]) == {"a": Selection("h")}


def test_a_picture_without_layers_is_there_or_not() -> None:
    single = (("", 800_000),)
    assert fit(1_000_000, 0, [picture("a", single)]) == {"a": Selection()}
    assert fit(500_000, 0, [picture("a", single)]) == {"a": PAUSED}


rates = st.lists(st.integers(1, 3_000_000), min_size=1, max_size=3).map(sorted)


@given(st.integers(0, 6_000_000), st.integers(0, 4), st.lists(rates, max_size=8))
def test_the_limit_holds_and_nothing_is_left_that_would_fit(
    limit: int, sounds: int, all_rates: list[list[int]]
) -> None:
    pictures = [
        picture(f"p{n}", tuple((f"r{place}", bps) for place, bps in enumerate(found)))
        for n, found in enumerate(all_rates)
    ]
    chosen = fit(limit, sounds, pictures)
    used = sum(
        dict(p.layers)[chosen[p.name].rid or ""]
        for p in pictures
        if chosen[p.name] != PAUSED
    )
    rest = limit - sounds * AUDIO_BPS - used
    assert rest >= 0 or not used
    for one in pictures:
        if chosen[one.name] == PAUSED:
            assert one.layers[0][1] > limit - sounds * AUDIO_BPS - sum(
                p.layers[0][1] for p in pictures if chosen[p.name] != PAUSED
            )
