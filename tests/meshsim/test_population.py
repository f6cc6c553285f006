"""Who the nodes are: exact shares, ranges of the classes, scaled slots."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.errors import ScenarioError
from meshsim.population import (
    COPY_BPS,
    MIXES,
    UTILISATION,
    NodeClass,
    draw,
    scaled,
    shares,
)


def drawn(mix: str = "study", size: int = 1000, slots: float | None = None):
    return draw(MIXES[mix], size, random.Random(1), slots)


def test_the_studys_mix_is_sixty_thirty_ten() -> None:
    kinds = [node.kind for node in drawn()]
    assert [kinds.count(k) for k in ("thin", "middle", "strong")] == [600, 300, 100]
    assert kinds[:600] != ["thin"] * 600  # shuffled


def test_copies_lie_in_the_range_of_the_class() -> None:
    ranges = {"thin": {0, 1, 2}, "middle": {4, 5, 6, 7, 8}, "strong": {16}}
    for kind, allowed in ranges.items():
        assert {node.copies for node in drawn() if node.kind == kind} == allowed


def test_slots_per_node_are_the_studys() -> None:
    slots = {mix: sum(n.copies for n in drawn(mix)) / 1000 for mix in MIXES}
    assert slots["study"] == pytest.approx(4.0, abs=0.1)
    assert slots["capped"] == pytest.approx(3.27, abs=0.1)


def test_access_delays_have_the_means_of_the_study() -> None:
    nodes = drawn(size=10_000)
    for kind, mean_s in {"thin": 0.010, "middle": 0.005, "strong": 0.001}.items():
        access = [node.access_s for node in nodes if node.kind == kind]
        assert statistics.mean(access) == pytest.approx(mean_s, rel=0.05)


def test_an_uplink_just_feeds_its_copies_at_three_quarters() -> None:
    for node in drawn():
        if node.copies:
            assert node.uplink_bps * UTILISATION == pytest.approx(
                node.copies * COPY_BPS
            )
        else:
            assert 0 < node.uplink_bps < COPY_BPS


@pytest.mark.parametrize("slots", [1.06, 1.87, 4.0, 0.0])
def test_slots_can_be_made_scarce_exactly(slots: float) -> None:
    nodes = drawn(slots=slots)
    assert sum(node.copies for node in nodes) == round(slots * 1000)


@given(
    st.lists(st.integers(0, 16), min_size=1, max_size=100),
    st.integers(0, 400),
    st.integers(0, 9),
)
def test_scaling_meets_the_total_and_keeps_the_proportions(
    copies: list[int], total: int, seed: int
) -> None:
    result = scaled(copies, total, random.Random(seed))
    if sum(copies):
        assert sum(result) == total
        factor = total / sum(copies)
        for before, after in zip(copies, result, strict=True):
            assert abs(after - before * factor) < 1.0


@given(st.lists(st.floats(0.01, 5.0), min_size=1, max_size=6), st.integers(1, 1000))
def test_shares_add_up_and_are_off_by_less_than_one(
    parts: list[float], size: int
) -> None:
    mix = [NodeClass(str(i), share, 0, 1, 0.0, 0.0) for i, share in enumerate(parts)]
    counts = shares(mix, size)
    assert sum(counts) == size
    for count, share in zip(counts, parts, strict=True):
        assert abs(count - share * size / sum(parts)) < 1.0


def test_a_mix_without_shares_is_refused() -> None:
    with pytest.raises(ScenarioError, match="at least one class"):
        shares([], 10)


def test_the_same_chance_draws_the_same_nodes() -> None:
    assert drawn() == drawn()
