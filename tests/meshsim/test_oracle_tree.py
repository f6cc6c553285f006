"""The central tree: always a tree within the slots, and as good as the study's."""

from __future__ import annotations

import itertools
import random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim.latency import planetlab
from meshsim.observation import NOBODY, Ints, Population, Space
from meshsim.oracle import tree_delays_s, tree_depths
from meshsim.oracle_tree import PASSES_MAX, central_tree
from meshsim.population import MIXES, draw
from meshsim.space import population_of, space_of
from support.spaces import line, nodes, square, tree_graph


def everybody(size: int) -> np.ndarray:
    return np.ones(size, np.bool_)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(0, 2**32))
def test_it_is_a_tree_within_the_slots(size: int, seed: int) -> None:
    chance = random.Random(seed)
    slots = [chance.choice((0, 0, 1, 2, 4, 16)) for _ in range(size)]
    slots[0] = max(1, slots[0])
    space, population = square(size, seed, lopsided=True), nodes(slots)
    found = central_tree(0, everybody(size), space, population)
    members = np.flatnonzero(found.parent != NOBODY)
    assert nx.is_arborescence(tree_graph(found.parent, 0))
    children = np.bincount(found.parent[members], minlength=size)
    assert (children <= population.slots).all()
    assert len(members) == min(size - 1, int(population.slots[[0, *members]].sum()))
    delay = tree_delays_s(found.parent, 0, space, population)
    np.testing.assert_allclose(found.delay_s, delay, atol=1e-12)
    assert found.passes <= PASSES_MAX


def best_by_trying(size: int, space: Space, population: Population) -> float:
    """The least mean delay of all trees, one by one."""
    best = np.inf
    for chosen in itertools.product(range(size), repeat=size - 1):
        parent: Ints = np.array([NOBODY, *chosen])
        if (np.bincount(parent[1:], minlength=size) > population.slots).any():
            continue
        best = min(best, tree_delays_s(parent, 0, space, population)[1:].mean())
    return float(best)


def test_small_trees_are_close_to_the_best_there_is() -> None:
    ratios = []
    for seed in range(20):
        space, population = square(5, seed), nodes([1, 2, 2, 1, 0])
        found = central_tree(0, everybody(5), space, population)
        best = best_by_trying(5, space, population)
        ratios.append(found.delay_s[1:].mean() / best)
    assert min(ratios) > 1 - 1e-9
    assert sum(ratios) / len(ratios) < 1.06


def test_with_slots_for_all_everybody_hangs_below_the_origin_or_does_better() -> None:
    found = central_tree(0, everybody(6), line(6), nodes([16] * 6))
    assert found.parent.tolist() == [NOBODY, 0, 0, 0, 0, 0]


def test_those_who_did_not_subscribe_are_left_out() -> None:
    members = everybody(5)
    members[2] = False
    found = central_tree(0, members, line(5), nodes([1, 16, 16, 16, 16]))
    assert found.parent[2] == NOBODY
    assert np.isinf(found.delay_s[2])


def test_without_slots_some_are_not_served() -> None:
    found = central_tree(0, everybody(5), line(5), nodes([1, 1, 0, 0, 0]))
    assert np.count_nonzero(found.parent != NOBODY) == 2


def test_the_same_question_has_the_same_answer() -> None:
    population = nodes([random.Random(5).randrange(5) for _ in range(60)])
    once = central_tree(0, everybody(60), square(60, 5), population)
    again = central_tree(0, everybody(60), square(60, 5), population)
    assert once.parent.tolist() == again.parent.tolist()


def test_the_study_s_figures_come_out() -> None:
    """0.99 / 1.38 / 1.96, 13 ms, depth 5-6: means over models, wide over seeds."""
    chance = random.Random("oracle")
    specs = draw(MIXES["study"], 1_000, chance)
    space = space_of(planetlab([spec.access_s for spec in specs], chance))
    population = population_of(specs)
    origin = next(spec.index for spec in specs if spec.kind == "middle")
    found = central_tree(origin, everybody(1_000), space, population)
    others = np.arange(1_000) != origin
    delay, direct = found.delay_s[others], space.direct_s(origin)[others]
    p50, p95, p99 = np.percentile(delay / direct, (50, 95, 99))
    assert 0.9 < p50 < 1.12
    assert 1.1 < p95 < 1.7
    assert 1.3 < p99 < 3.1
    assert np.percentile(delay - direct, 99) == pytest.approx(0.014, abs=0.010)
    assert 4 <= tree_depths(found.parent, origin).max() <= 7
