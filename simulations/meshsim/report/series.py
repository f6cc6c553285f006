"""The curves of a report: distributions and courses over time, as short lists.

Each is `{name of the line: [[x, y], ...]}`, at most `POINTS` points a line, rounded, so
that a report stays small enough to mail however many nodes there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from meshsim.metrics.central import Central
from meshsim.metrics.flows import MEDIA
from meshsim.metrics.trees import all_delays, depths_of, judged_trees
from meshsim.observation import Observation, TrafficSample
from meshsim.report.model import rounded

POINTS = 120

Line = list[list[float]]
Lines = dict[str, Line]


def distribution(values: Iterable[float]) -> Line:
    """Share of the values (y, 0 to 1) that are at most x; endless ones lie beyond."""
    found = np.sort(np.fromiter(values, np.float64))
    finite = found[np.isfinite(found)]
    if not len(finite):
        return []
    count = min(POINTS, len(finite))
    ranks = np.unique(np.linspace(0, len(finite) - 1, count).astype(np.int64))
    return [
        [rounded(float(finite[rank])), rounded((int(rank) + 1) / len(found))]
        for rank in ranks
    ]


def histogram(values: Sequence[int]) -> Line:
    """Share of the values (y) at each whole number (x)."""
    if not len(values):
        return []
    counts = np.bincount(values)
    total = counts.sum()
    return [[depth, rounded(float(n / total))] for depth, n in enumerate(counts) if n]


def thinned(line: Line) -> Line:
    """At most `POINTS` of the points, evenly spaced, first and last among them."""
    if len(line) <= POINTS:
        return line
    ranks = np.linspace(0, len(line) - 1, POINTS).astype(np.int64)
    return [line[rank] for rank in ranks]


def series(seen: Observation, best: Central | None) -> dict[str, Any]:
    """All curves that the run allows."""
    return {
        "delay_ms": _delays(seen, best),
        "stretch": _stretches(seen, best),
        "depth": _depths(seen, best),
        "repair_ms": _repairs(seen),
        "join_ms": _joins(seen),
        "control": _control(seen.traffic),
        "served": _served(seen),
        "marks": [[rounded(f.time_s), f.label or f.kind] for f in seen.faults][:POINTS],
    }


def _named(**lines: Line) -> Lines:
    return {name: line for name, line in lines.items() if line}


def _delays(seen: Observation, best: Central | None) -> Lines:
    delay, direct = all_delays(seen, judged_trees(seen))
    return _named(
        ours=distribution(delay * 1e3),
        direct=distribution(direct * 1e3),
        oracle=distribution(best.delay_s * 1e3) if best else [],
        ancestor=_ancestor_delays(seen.ancestor),
    )


def _ancestor_delays(old: Observation | None) -> Line:
    if old is None:
        return []
    return distribution(all_delays(old, judged_trees(old))[0] * 1e3)


def _stretches(seen: Observation, best: Central | None) -> Lines:
    delay, direct = all_delays(seen, judged_trees(seen))
    oracle = distribution(best.delay_s / best.direct_s) if best else []
    return _named(ours=distribution(delay / direct), oracle=oracle)


def _depths(seen: Observation, best: Central | None) -> Lines:
    old = seen.ancestor
    return _named(
        ours=_depth(seen),
        oracle=histogram(best.depths.tolist()) if best else [],
        ancestor=_depth(old) if old is not None else [],
    )


def _depth(seen: Observation) -> Line:
    depths = [depths_of(shot).tolist() for shot in judged_trees(seen)]
    return histogram([each for some in depths for each in some])


def _repairs(seen: Observation) -> Lines:
    """One line per label of faults, one for all where there are no labels."""
    gaps: dict[str, list[float]] = {}
    for repair in seen.repairs:
        label = seen.faults[repair.fault].label or "ours"
        gap = np.inf if repair.gap_s is None else repair.gap_s * 1e3
        gaps.setdefault(label, []).append(gap)
    lines = {label: distribution(values) for label, values in gaps.items()}
    old = seen.ancestor
    if old is not None and old.repairs:
        lines["ancestor"] = distribution(
            np.inf if r.gap_s is None else r.gap_s * 1e3 for r in old.repairs
        )
    return _named(**lines)


def _joins(seen: Observation) -> Lines:
    took = [
        (join.accepted_s - join.asked_s) * 1e3
        for join in seen.joins
        if join.accepted_s is not None
    ]
    return _named(ours=distribution(took))


def _control(traffic: Sequence[TrafficSample]) -> Lines:
    """Octets per node and second, by kind, between one sample and the next."""
    lines: Lines = {}
    kinds = sorted({kind for sample in traffic for kind in sample.octets} - {MEDIA})
    every = max(1, -(-len(traffic) // POINTS))
    samples = list(traffic)[::every]
    for before, after in pairwise(samples):
        node_seconds = max(1, after.alive) * (after.time_s - before.time_s)
        if node_seconds <= 0:
            continue
        for kind in kinds:
            sent = after.octets.get(kind, 0) - before.octets.get(kind, 0)
            point = [rounded(after.time_s), rounded(sent / node_seconds)]
            lines.setdefault(kind, []).append(point)
    return lines


def _served(seen: Observation) -> Lines:
    old = seen.ancestor
    return _named(
        ours=_served_line(seen),
        ancestor=_served_line(old) if old is not None else [],
    )


def _served_line(seen: Observation) -> Line:
    return thinned(
        [
            [rounded(sample.time_s), rounded(sample.served / sample.subscribed)]
            for sample in seen.served
            if sample.subscribed
        ]
    )
