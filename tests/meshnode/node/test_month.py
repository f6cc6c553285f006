"""The upload of a month survives restarts, follows the calendar, spares the disk."""

from __future__ import annotations

import json
from calendar import timegm
from pathlib import Path

import pytest

from meshnode.node.month import FILE_NAME, WRITE_EVERY_S, Month, month_of

NOVEMBER = float(timegm((2026, 11, 29, 12, 0, 0)))


class Wall:
    def __init__(self) -> None:
        self.now = NOVEMBER

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


def test_the_month_is_that_of_utc() -> None:
    assert month_of(NOVEMBER) == "2026-11"
    assert month_of(float(timegm((2026, 12, 1, 0, 0, 0)))) == "2026-12"


def test_the_counter_survives_a_restart(tmp_path: Path, wall: Wall) -> None:
    first = Month(1000, tmp_path, wall)
    first.count(700)
    first.save()
    second = Month(1000, tmp_path, wall)
    assert second.octets == 700
    second.count(299)
    assert not second.used_up
    second.count(300)
    assert second.used_up


def test_a_new_month_begins_at_nothing(tmp_path: Path, wall: Wall) -> None:
    month = Month(1000, tmp_path, wall)
    month.count(1500)
    assert month.used_up
    wall.now += 3 * 86_400
    month.count(1600)
    assert month.octets == 100
    assert not month.used_up
    month.save()
    assert Month(1000, tmp_path, wall).octets == 100


def test_it_is_written_at_most_once_a_minute(tmp_path: Path, wall: Wall) -> None:
    month, writes = Month(None, tmp_path, wall), 0
    file = tmp_path / FILE_NAME
    for second in range(1, int(3 * WRITE_EVERY_S) + 1):
        wall.now = NOVEMBER + second
        month.count(second)
        if file.exists():
            file.unlink()
            writes += 1
    assert writes == 3


@pytest.mark.parametrize(
    "content", ["", "[]", '{"month": "2026-11"}', '{"month": "2026-11", "octets": -5}']
)
def test_a_broken_file_counts_as_nothing(
    tmp_path: Path, wall: Wall, content: str
) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    assert Month(10, tmp_path, wall).octets == 0


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path, wall: Wall) -> None:
    month = Month(10, tmp_path / "gone", wall)
    month.count(3)
    month.save()
    assert month.octets == 3


def test_what_is_kept_is_plain(tmp_path: Path, wall: Wall) -> None:
    month = Month(10, tmp_path, wall)
    month.count(4)
    month.save()
    kept = json.loads((tmp_path / FILE_NAME).read_text())
    assert kept == {"month": "2026-11", "octets": 4}
