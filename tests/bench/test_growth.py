"""The fit of cost over viewers finds what was put in."""

from __future__ import annotations

import pytest

from bench.cost import Cost
from bench.growth import fitted, line, slope
from bench.plot import drawn
from bench.record import Record
from bench.shapes import VIDEO_LOW


def test_a_line_is_found_again() -> None:
    points = [(n, 12.0 + 1.5 * n) for n in (1, 10, 100, 1_000)]
    assert line(points) == pytest.approx((12.0, 1.5))


def test_ten_viewers_count_as_much_as_a_thousand() -> None:
    """An error of a tenth at the far end must not take the fixed part with it."""
    points = [(1, 11.5), (10, 25.0), (100, 160.0), (1_000, 1.1 * 1_510.0)]
    a, b = line(points)
    assert a == pytest.approx(10.0, rel=0.15)
    assert b == pytest.approx(1.5, rel=0.1)


def test_a_power_is_its_slope() -> None:
    assert slope([(n, 3.0 * n**1.25) for n in (10, 100, 1_000)]) == pytest.approx(1.25)


def record(us: float, *crowds: int) -> Record:
    made = Record("planes", machine={})
    for viewers in crowds:
        cost = Cost(viewers, 1.0, 1_000, 1_000, us * 1e-3)
        made.add(VIDEO_LOW, viewers, {"native": [cost], "gso": [cost]})
    return made


def test_what_is_fitted_is_told_and_kept() -> None:
    made = record(2.0, 10, 100, 1_000)
    told = list(fitted(made))
    assert told[0].startswith("   native, video 600 kb/s: ")
    assert told[0].endswith(" 2.00 us per copy, slope 1.00")
    assert set(made.facts) == {"native, video 600 kb/s", "gso, video 600 kb/s"}


def test_one_crowd_is_no_growth() -> None:
    assert list(fitted(record(2.0, 1, 10))) == []


def test_a_record_is_kept_with_every_repeat_and_drawn(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("bench.record.FOLDER", tmp_path)
    made = record(2.0, 10, 100)
    made.write()
    assert '"us_per_packet"' in made.path.read_text()
    picture = drawn(made).read_text()
    assert picture.count("<polyline") == 2
    assert "native, video 600 kb/s" in picture
