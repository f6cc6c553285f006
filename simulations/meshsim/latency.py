"""Latency models: measured matrices bootstrapped to any size (RFC 0012 section 4.1).

A node is a site of a matrix plus its own access delay; two nodes on one site are 1 ms
apart and keep both access delays.  Models by name:

- `planetlab`: 490 sites, measured round trips, many triangle violations; placed evenly.
- `cities`: 241 cities, mean pings each way (not symmetric); placed by the square root
  of the population.
- `synth`: the same cities by great circle at 200 km/ms times a detour of 1.25 to 2.7
  per pair of cities, four providers a city, an exponential 6 ms per pair of providers;
  placed by population to the power of 0.7.

Delays are rounded to a microsecond, so that the last bit of a library's sine cannot
change a run.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Any

import numpy as np

from meshsim.errors import ScenarioError
from meshsim.weather import pair_chance

SAME_SITE_RTT_S = 0.001
FIBRE_KM_PER_S = 200_000.0
EARTH_RADIUS_KM = 6371.0
DETOUR = (1.25, 2.7)
PROVIDERS = 4
PROVIDER_RTT_S = 0.006
_UNIT_S = 0.0001  # of the stored matrices, round trip


class Sites:
    """Paths over sites: `half[a][b]` seconds one way, plus both access delays."""

    __slots__ = ("access_s", "half", "names", "place", "size")

    def __init__(
        self,
        half: Sequence[Sequence[float]],
        place: Sequence[int],
        access_rtt_s: Sequence[float],
        names: Sequence[str] = (),
    ) -> None:
        """`place[node]` is its site, `access_rtt_s[node]` its access round trip."""
        self.half = half
        self.place = list(place)
        self.access_s = [round(rtt / 2.0, 6) for rtt in access_rtt_s]
        self.names = names
        self.size = len(self.place)

    def one_way(self, src: int, dst: int) -> float:
        """Seconds from `src` to `dst`."""
        place, access = self.place, self.access_s
        return self.half[place[src]][place[dst]] + access[src] + access[dst]

    def reachable(self, src: int) -> Iterable[int] | None:  # noqa: ARG002
        """Everybody."""
        return None

    def site(self, node: int) -> str:
        """The name of a node's site, its number if it has none."""
        place = self.place[node]
        return self.names[place] if self.names else str(place)


def _load(name: str) -> dict[str, Any]:
    path = files("meshsim").joinpath("data", f"{name}.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def one_way_rows(rtt_s: np.ndarray[Any, Any]) -> list[list[float]]:
    """One way delays from a matrix of round trips (0 or nan: not measured).

    A missing direction takes the other one's value, a missing pair the best detour
    over one site.
    """
    rtt = np.where(np.isfinite(rtt_s) & (rtt_s > 0.0), rtt_s, np.inf)
    np.fill_diagonal(rtt, np.inf)
    rtt = np.where(np.isinf(rtt), rtt.T, rtt)
    for a, b in zip(*np.nonzero(np.isinf(rtt)), strict=True):
        if a != b:
            rtt[a, b] = (rtt[a, :] + rtt[:, b]).min()
    np.fill_diagonal(rtt, SAME_SITE_RTT_S)
    if not np.isfinite(rtt).all():
        raise ScenarioError("some sites of the latency matrix reach nobody")
    rows: list[list[float]] = np.round(rtt / 2.0, 6).tolist()
    return rows


def evenly(sites: int, size: int, chance: random.Random) -> list[int]:
    """A site for each of `size` nodes: every site once before any twice."""
    places: list[int] = []
    while len(places) < size:
        turn = list(range(sites))
        chance.shuffle(turn)
        places += turn
    return places[:size]


def _weighted(weights: Sequence[float], size: int, chance: random.Random) -> list[int]:
    totals = list(accumulate(weights))
    return chance.choices(range(len(weights)), cum_weights=totals, k=size)


@cache
def _planetlab_rows() -> list[list[float]]:
    return one_way_rows(_load("planetlab")["rtt_100us"] * _UNIT_S)


@cache
def _cities_rows() -> list[list[float]]:
    return one_way_rows(_load("cities")["rtt_100us"] * _UNIT_S)


def planetlab(access_rtt_s: Sequence[float], chance: random.Random) -> Sites:
    """Nodes on PlanetLab's sites, evenly."""
    rows = _planetlab_rows()
    place = evenly(len(rows), len(access_rtt_s), chance)
    return Sites(rows, place, access_rtt_s)


def cities(access_rtt_s: Sequence[float], chance: random.Random) -> Sites:
    """Nodes in measured cities, by the square root of the population."""
    stored = _load("cities")
    weights = [math.sqrt(people) for people in stored["population"].tolist()]
    place = _weighted(weights, len(access_rtt_s), chance)
    return Sites(_cities_rows(), place, access_rtt_s, stored["city"].tolist())


def great_circle_km(lat: Sequence[float], lon: Sequence[float]) -> list[list[float]]:
    """Distances between all pairs of places given in degrees (haversine)."""
    phi, lam = np.radians(np.asarray(lat, float)), np.radians(np.asarray(lon, float))
    north = np.sin((phi[:, None] - phi[None, :]) / 2.0) ** 2
    east = np.sin((lam[:, None] - lam[None, :]) / 2.0) ** 2
    h = north + np.cos(phi)[:, None] * np.cos(phi)[None, :] * east
    rows: list[list[float]] = (
        2.0 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0)))
    ).tolist()
    return rows


def synth(access_rtt_s: Sequence[float], chance: random.Random) -> Sites:
    """Nodes of four providers a city, over geography."""
    stored = _load("cities")
    weights = [people**0.7 for people in stored["population"].tolist()]
    size = len(access_rtt_s)
    where = [
        (city, chance.randrange(PROVIDERS)) for city in _weighted(weights, size, chance)
    ]
    used = sorted(set(where))
    number = {site: i for i, site in enumerate(used)}
    names = stored["city"].tolist()
    km = great_circle_km(stored["latitude"].tolist(), stored["longitude"].tolist())
    half = _synthetic_rows(used, km, chance.getrandbits(63))
    return Sites(
        half,
        [number[site] for site in where],
        access_rtt_s,
        [f"{names[city]}/{provider}" for city, provider in used],
    )


def _synthetic_rows(
    sites: Sequence[tuple[int, int]], km: Sequence[Sequence[float]], seed: int
) -> list[list[float]]:
    """One way delays; a pair's luck belongs to the pair."""
    rows = [[SAME_SITE_RTT_S / 2.0] * len(sites) for _ in sites]
    low, high = DETOUR
    for i, (city, _) in enumerate(sites):
        for j in range(i):
            other = sites[j][0]
            near, far = min(city, other), max(city, other)
            detour = low + (high - low) * pair_chance(seed, near, far)
            provider = -PROVIDER_RTT_S * math.log(pair_chance(seed + 1, j, i))
            rtt = 2.0 * km[city][other] / FIBRE_KM_PER_S * detour + provider
            rows[i][j] = rows[j][i] = round((rtt + SAME_SITE_RTT_S) / 2.0, 6)
    return rows


MODELS: dict[str, Callable[[Sequence[float], random.Random], Sites]] = {
    "planetlab": planetlab,
    "cities": cities,
    "synth": synth,
}
"""Latency models by name: access delays (round trip) and luck to paths."""
