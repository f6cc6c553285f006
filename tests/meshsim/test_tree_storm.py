"""Storms over whole brains: a slice of every kind of graph, and what they find."""

from __future__ import annotations

import pytest

from meshproto.distribution import upstream
from meshproto.routing import selection
from meshsim.scenario import PathsSpec
from meshsim.tree_storm import KINDS, PLACES, TreeStorm


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_no_promise_breaks_in_a_storm(seed: int) -> None:
    counts = TreeStorm(seed, 12 + 8 * seed).play(100)
    assert counts.broken == ()
    assert counts.events == 100
    assert sum(counts.by_kind.values()) == 100
    assert counts.checks > 1_000


def test_the_seed_decides_everything() -> None:
    place = PathsSpec("uniform")
    one, two = (TreeStorm(7, 10, place=place).play(60) for _ in range(2))
    assert one == two
    assert one != TreeStorm(8, 10, place=place).play(60)


def test_without_the_feasibility_test_a_storm_finds_a_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "feasible", lambda *_: True)
    counts = TreeStorm(1, 25).play(100)
    assert [v.checker for v in counts.broken] == ["route-loop"]
    assert counts.broken[0].events


def test_without_repairs_a_storm_finds_the_unserved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storm = TreeStorm(2, 12, place=PathsSpec("uniform"))
    monkeypatch.setattr(upstream, "advance", lambda *_: None)
    counts = storm.play(100)
    assert {v.checker for v in counts.broken} == {"served"}


def test_every_kind_of_event_and_of_place_can_come() -> None:
    assert len(KINDS) >= 12
    assert {place.model for place in PLACES} > {"planetlab", "cities", "uniform"}
