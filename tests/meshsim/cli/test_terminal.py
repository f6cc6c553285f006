"""Flags that several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.cli.terminal import UsageError, overrides, seeds, writable


@pytest.mark.parametrize(
    ("text", "found"),
    [("3", [3]), ("1..4", [1, 2, 3, 4]), ("1,7..8,1", [1, 7, 8]), ("0", [0])],
)
def test_seeds_are_numbers_lists_and_ranges(text: str, found: list[int]) -> None:
    assert seeds(text) == found


@pytest.mark.parametrize("text", ["", "x", "1..", "..3", "-1", "1;2", "3..1"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        seeds(text)


def test_flags_become_changes_of_the_scenario() -> None:
    assert overrides(["a.b=2"], 40, elide=False) == {
        "a.b": 2,
        "nodes": 40,
        "elide": False,
    }
    assert overrides([], None, elide=True) == {}


def test_a_file_that_cannot_be_written_is_refused_before_the_run(
    tmp_path: Path,
) -> None:
    writable(None)
    writable(tmp_path / "new.json")
    for path in (tmp_path, tmp_path / "no" / "new.json"):
        with pytest.raises(UsageError):
            writable(path)
