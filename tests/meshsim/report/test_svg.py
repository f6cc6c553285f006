"""Plots: inside their frame, with round ticks, and safe against names."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.report.svg import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Axis, bars, lines


def points(svg: str) -> list[list[tuple[float, float]]]:
    found = []
    for line in ET.fromstring(svg).iter("polyline"):
        pairs = (line.attrib["points"] or "").split()
        found.append([tuple(map(float, pair.split(","))) for pair in pairs])
    return found  # type: ignore[return-value]


@given(
    st.lists(st.tuples(st.floats(-10, 1e7), st.floats(-1, 2)), min_size=1),
    st.booleans(),
)
def test_nothing_is_drawn_outside_the_frame(
    line: list[tuple[float, float]], logarithmic: bool
) -> None:
    across = Axis("x", 10.0, 2_000.0, logarithmic)
    for x, y in points(lines(across, Axis("", 0.0, 1.0), {"ours": line}))[0]:
        assert LEFT <= x <= WIDTH
        assert TOP <= y <= HEIGHT - BOTTOM


def test_ends_of_the_range_are_corners() -> None:
    drawn = points(lines(Axis("x", 0, 10), Axis("", 0, 1), {"a": [[0, 0], [10, 1]]}))
    assert drawn[0][0] == (LEFT, HEIGHT - BOTTOM)
    assert drawn[0][1][1] == TOP


@pytest.mark.parametrize(
    ("axis", "labels"),
    [
        (Axis("", 0, 10), ["0", "2", "4", "6", "8", "10"]),
        (
            Axis("", 0, 1, percent=True),
            ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"],
        ),
        (
            Axis("", 10, 2_000, True),
            ["10", "20", "50", "100", "200", "500", "1,000", "2,000"],
        ),
        (Axis("", 5, 5), ["5"]),
    ],
)
def test_ticks_are_round(axis: Axis, labels: list[str]) -> None:
    assert [axis.shown(value) for value in axis.ticks()] == labels


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_there_are_never_many_ticks(low: float, span: float) -> None:
    ticks = Axis("", low, low + span).ticks()
    assert len(ticks) <= 13


def test_an_empty_range_does_not_divide_by_nothing() -> None:
    assert Axis("", 3.0, 3.0).share(3.0) == 0.0


def test_bars_stand_on_the_floor_side_by_side() -> None:
    drawn = {"ours": [[1, 0.5]], "oracle": [[1, 1.0]]}
    svg = bars(Axis("x", 0.5, 2.5), Axis("", 0, 1), drawn, str.upper)
    left, right = ET.fromstring(svg).iter("rect")
    assert float(right.attrib["height"]) == pytest.approx(
        2 * float(left.attrib["height"])
    )
    gap = float(right.attrib["x"]) - float(left.attrib["x"])
    assert gap == pytest.approx(float(left.attrib["width"]), abs=0.11)
    assert left.findtext("title") == "OURS: 1, 0.5"


def test_names_are_escaped() -> None:
    svg = lines(
        Axis("<x>", 0, 1), Axis("", 0, 1), {'a"<b': [[0, 0]]}, marks=[(0.5, "<m>")]
    )
    assert "<x>" not in svg
    ET.fromstring(svg)
