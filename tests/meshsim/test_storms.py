"""The total of all storms: it grows, it is kept, and it goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshproto.routing import selection
from meshsim import storms
from meshsim.storms import (
    LARGE_EVERY,
    LARGE_MAX,
    LARGE_MIN,
    Total,
    baseline,
    batch,
    go_on,
    read,
    sizes,
    write,
)


def test_sizes_are_from_5_to_200_and_an_eighth_is_large() -> None:
    drawn = [sizes(seed) for seed in range(80)]
    assert all(5 <= size <= LARGE_MAX for pair in drawn for size in pair)
    large = [pair for pair in drawn if pair[0] >= LARGE_MIN]
    assert len(large) == 80 // LARGE_EVERY
    assert all(brains >= LARGE_MIN for _, brains in large)
    assert sizes(3) == sizes(3)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few nodes, which take no time."""
    monkeypatch.setattr(storms, "sizes", lambda seed: (6, 6))


@pytest.mark.usefixtures("few")
def test_a_batch_counts_both_kinds_of_storm() -> None:
    total = Total()
    assert batch(total, 0, 200, 10) == ""
    assert (total.batches, total.routers, total.brains) == (1, 200, 10)
    assert total.events == 210
    assert sum(total.by_kind.values()) == 10
    assert total.large == 0


@pytest.mark.usefixtures("few")
def test_a_total_is_kept_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "storm.json"
    assert read(path) == Total()
    total = Total()
    assert go_on(total, 300, lambda total: write(path, total)) == ""
    again = read(path)
    assert again == total
    assert again.events == 300
    assert go_on(again, 330, lambda total: write(path, total)) == ""
    assert read(path).batches == total.batches + 1
    path.write_text("{}")
    with pytest.raises(ValueError, match="no total"):
        read(path)


def test_a_violation_names_the_command_that_shows_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    monkeypatch.setattr(selection, "feasible", lambda *_: True)
    said = go_on(Total(), 10_000, lambda total: None)
    assert "python -m meshsim.storm --seed 0" in said


def test_the_kept_total_is_one() -> None:
    total = read(baseline())
    assert total.events > 50_000
    # why twelve: an eighth of whole rounds, and the last round may have begun
    assert total.large * 12 >= total.events
    assert total.brains * 100 >= total.events
