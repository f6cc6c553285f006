"""What all metrics stand on: the table, quantiles, the steady window.

`None` in a table means that the run did not look; infinity that it looked and the thing
never came, which is a value like any other and fails every limit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from meshsim.observation import Observation

Table = dict[str, float | None]

HOUR_S = 3600.0


def quantile(values: Iterable[float], share: float) -> float | None:
    """The value below which `share` of the values lie; None without values."""
    array = np.fromiter(values, np.float64)
    return float(np.quantile(array, share)) if len(array) else None


def window_s(seen: Observation) -> tuple[float, float]:
    """The steady window, the whole run if none was named."""
    return seen.steady if seen.steady[1] > seen.steady[0] else (0.0, seen.simulated_s)


def node_hours(seen: Observation) -> float:
    """Hours lived by all nodes together inside the steady window."""
    begin, end = window_s(seen)
    alive = [s.alive for s in seen.traffic if begin <= s.time_s <= end]
    nodes = float(np.mean(alive)) if alive else len(seen.population.slots)
    return nodes * (end - begin) / HOUR_S


def ms(seconds: float | None) -> float | None:
    """Milliseconds."""
    return None if seconds is None else seconds * 1e3
