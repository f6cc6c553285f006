"""Repairs, storms and moves: what changed, why, and how fast."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from meshsim.metrics.basis import Table, node_hours, window_s
from meshsim.observation import Cause, Observation

STORM_WINDOW_S = 1.0
STORM_WATCHED_S = 10.0
"""How long after a fault its joins are counted."""
VOLUNTARY = (Cause.MAINTENANCE, Cause.ASIDE, Cause.SWAP)


def repairs(seen: Observation) -> Table:
    """Repair figures of all faults, and once more for each label of faults."""
    if not seen.faults:
        return {}
    table = repair_figures([repair.gap_s for repair in seen.repairs])
    table["asks_peak"] = _asks_peak(seen, range(len(seen.faults)))
    for label in dict.fromkeys(fault.label for fault in seen.faults):
        if not label:
            continue
        which = {n for n, fault in enumerate(seen.faults) if fault.label == label}
        gaps = [repair.gap_s for repair in seen.repairs if repair.fault in which]
        part = repair_figures(gaps)
        part["asks_peak"] = _asks_peak(seen, sorted(which))
        table |= {f"{label}.{name}": value for name, value in part.items()}
    return table


def repair_figures(gaps: list[float | None]) -> Table:
    """Quantiles and shares of repair gaps; one that never ended counts as endless."""
    if not gaps:
        return {"repairs": 0}
    values = np.array([np.inf if gap is None else gap for gap in gaps])
    table: Table = {"repairs": len(gaps)}
    for percent in (50, 95, 99):
        value = float(np.percentile(values, percent, method="higher"))
        table[f"repair_p{percent}_ms"] = value * 1e3
    for limit in (150, 500, 2000):
        share = float(np.count_nonzero(values <= limit / 1e3)) / len(values)
        table[f"repair_{limit}_share"] = share
    return table


def _asks_peak(seen: Observation, faults: Iterable[int]) -> int:
    """The most requests at one node within a second, after any of the faults."""
    asks = sorted((ask.time_s, ask.target) for ask in seen.asks)
    times = np.array([time_s for time_s, _ in asks])
    peak = 0
    for number in faults:
        since = seen.faults[number].time_s
        first = int(np.searchsorted(times, since))
        last = int(np.searchsorted(times, since + STORM_WATCHED_S))
        peak = max(peak, _peak(asks[first:last]))
    return peak


def _peak(asks: list[tuple[float, int]]) -> int:
    by_target: dict[int, list[float]] = {}
    peak = 0
    for time_s, target in asks:
        recent = by_target.setdefault(target, [])
        recent.append(time_s)
        while recent[0] <= time_s - STORM_WINDOW_S:
            recent.pop(0)
        peak = max(peak, len(recent))
    return peak


def move_figures(seen: Observation) -> Table:
    """Moves per node and hour in the steady window, and how fast bad parents go."""
    table: Table = {}
    hours = node_hours(seen)
    if seen.trees and hours:
        begin, end = window_s(seen)
        inside = [move for move in seen.moves if begin <= move.time_s <= end]
        wanted = [move for move in inside if move.cause in VOLUNTARY]
        # why these: the others give something up for somebody else, and know it
        sought = [move for move in wanted if move.cause is Cause.MAINTENANCE]
        false = [move for move in sought if move.gain_s <= 0]
        table["moves_per_node_h"] = len(wanted) / hours
        table["false_moves_per_node_h"] = len(false) / hours
        table["reassignments_per_node_h"] = len(inside) / hours
    if seen.escapes:
        took = [
            np.inf if each.left_s is None else each.left_s - each.since_s
            for each in seen.escapes
        ]
        table["escape_p99_s"] = float(np.quantile(took, 0.99, method="higher"))
    return table
