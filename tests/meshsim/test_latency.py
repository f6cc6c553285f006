"""Latency models against the figures of the tree study, section 1."""

from __future__ import annotations

import math
import random
import statistics

import numpy as np
import pytest

from meshsim.errors import ScenarioError
from meshsim.latency import (
    MODELS,
    SAME_SITE_RTT_S,
    Sites,
    evenly,
    great_circle_km,
    one_way_rows,
)
from meshsim.paths import round_trip


def nodes(model: str, size: int = 600, access_s: float = 0.0, seed: int = 1) -> Sites:
    return MODELS[model]([access_s] * size, random.Random(seed))


def rtts_ms(sites: Sites) -> list[float]:
    return [
        1000.0 * round_trip(sites, a, b)
        for a in range(0, sites.size, 2)
        for b in range(1, sites.size, 3)
        if sites.place[a] != sites.place[b]
    ]


def test_planetlab_has_the_median_of_its_matrix() -> None:
    sites = nodes("planetlab", 490)
    assert sorted(sites.place) == list(range(490))
    assert statistics.median(rtts_ms(sites)) == pytest.approx(134.0, rel=0.03)


def test_planetlab_has_many_triangle_violations() -> None:
    half = nodes("planetlab", 490).half
    rtt = np.array(half)
    better = 0
    for a in range(0, 490, 10):
        relayed = (rtt[a][:, None] + rtt).min(axis=0)
        better += int((relayed < 0.9 * rtt[a]).sum())
    assert better / (49 * 490) == pytest.approx(0.40, abs=0.06)


def test_cities_have_the_median_of_their_matrix_and_two_directions() -> None:
    half = nodes("cities").half
    rtt_ms = [2000.0 * half[a][b] for a in range(241) for b in range(241) if a != b]
    assert statistics.median(rtt_ms) == pytest.approx(142.0, rel=0.03)
    assert sorted(rtt_ms)[int(0.95 * len(rtt_ms))] == pytest.approx(330, rel=0.03)
    assert any(half[a][b] != half[b][a] for a in range(20) for b in range(20))


def test_people_live_in_big_cities() -> None:
    sites = nodes("cities", 3000)
    placed = [sites.site(node) for node in range(3000)]
    assert placed.count("Shanghai") > 5 * max(placed.count("Berkeley+Springs"), 1)


def test_synthetic_delays_follow_the_globe() -> None:
    sites = nodes("synth", 800)
    assert 100 < statistics.median(rtts_ms(sites)) < 220
    by_city: dict[str, int] = {}
    for node in range(800):
        by_city.setdefault(sites.site(node).split("/")[0], node)
    near = round_trip(sites, by_city["London"], by_city["Paris"])
    far = round_trip(sites, by_city["London"], by_city["Tokyo"])
    assert near < 0.05
    # 9,560 km at 200 km/ms there and back, times 1.25 at least
    assert 0.119 < far < 0.119 * 2.7 / 1.25 + 0.08


def test_two_synthetic_providers_of_one_city_are_not_one_site() -> None:
    sites = nodes("synth", 500)
    assert {sites.site(node)[-2:] for node in range(500)} == {"/0", "/1", "/2", "/3"}


@pytest.mark.parametrize("model", MODELS)
def test_two_nodes_on_one_site_keep_both_access_delays(model: str) -> None:
    sites = nodes(model, 700, access_s=0.02)
    first: dict[int, int] = {}
    for node, place in enumerate(sites.place):
        if place in first:
            rtt_s = round_trip(sites, node, first[place])
            assert rtt_s == pytest.approx(SAME_SITE_RTT_S + 0.04)
            return
        first[place] = node
    pytest.fail("no site was used twice")


@pytest.mark.parametrize("model", MODELS)
def test_every_delay_is_positive_finite_and_whole_microseconds(model: str) -> None:
    half = nodes(model).half
    assert all(0.0 < delay < 5.0 for row in half for delay in row)
    assert all(round(delay, 6) == delay for row in half[::20] for delay in row)


@pytest.mark.parametrize("model", MODELS)
def test_the_same_seed_places_the_same_and_another_does_not(model: str) -> None:
    one, same, other = (nodes(model, 200, seed=seed) for seed in (1, 1, 2))
    assert one.place == same.place != other.place
    assert one.half == same.half
    assert one.reachable(0) is None


def test_a_missing_direction_takes_the_other_and_a_missing_pair_a_detour() -> None:
    rtt = np.array(
        [[0, 0.010, 0.0], [0.020, 0.0, 0.040], [np.nan, 0.0, 0.0]], dtype=float
    )
    half = one_way_rows(rtt)
    assert half[1][0] == 0.010
    assert half[2][1] == half[1][2] == 0.020
    assert half[0][2] == pytest.approx((0.010 + 0.040) / 2)
    assert half[0][0] == SAME_SITE_RTT_S / 2


def test_a_site_that_reaches_nobody_is_refused() -> None:
    with pytest.raises(ScenarioError, match="reach nobody"):
        one_way_rows(np.zeros((2, 2)))


def test_great_circles_are_as_long_as_they_are() -> None:
    km = great_circle_km([51.5, 48.86, -33.87], [-0.13, 2.35, 151.2])
    assert km[0][1] == pytest.approx(344, abs=3)
    assert km[0][2] == pytest.approx(16_990, abs=60)
    assert km[0][0] == 0.0
    assert max(map(max, km)) < math.pi * 6371


def test_every_site_is_used_once_before_any_twice() -> None:
    place = evenly(7, 17, random.Random(1))
    counts = sorted(place.count(site) for site in range(7))
    assert counts == [2, 2, 2, 2, 3, 3, 3]


def test_a_site_without_a_name_has_its_number() -> None:
    assert Sites([[0.1]], [0], [0.0]).site(0) == "0"
