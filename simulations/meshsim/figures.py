"""Every figure a report can hold: its name, what it means, and which way is better.

One table, used by the terminal, the page, `compare` and the acceptance rows, so that a
figure is named and explained once.  A figure of one kind of fault carries the label of
the fault before a dot: `one.repair_150_share`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class Better(Enum):
    """The direction in which a figure improves."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure's meaning; `tolerance` is the relative change that is still no news.

    `slack` is an absolute change, in the figure's own unit, that never is: 3 ms are
    nothing where 3 % might be.
    """

    name: str
    title: str
    unit: str
    better: Better = Better.LOWER
    tolerance: float = 0.10
    slack: float = 0.0


_MS = 3.0
_SHARE = 0.005
_RATIO = 0.03

_TABLE = (
    Figure("served_share", "subscribers served", "share", Better.HIGHER, 0, 0.001),
    Figure("convergence_s", "until all are served after the last fault", "s", slack=1),
    Figure("slots_per_subscriber", "slots per subscriber", "x", Better.NEITHER),
    Figure("delay_p50_ms", "delay from the origin, median", "ms", slack=_MS),
    Figure("delay_p95_ms", "delay from the origin, p95", "ms", slack=_MS),
    Figure("delay_p99_ms", "delay from the origin, p99", "ms", slack=_MS),
    Figure("delay_p50_over_oracle", "median delay / oracle", "x", slack=_RATIO),
    Figure("delay_p99_over_oracle", "p99 delay / oracle", "x", slack=_RATIO),
    Figure("stretch_p50", "delay / direct path, median", "x", slack=_RATIO),
    Figure("stretch_p95", "delay / direct path, p95", "x", slack=0.1),
    Figure("stretch_p99", "delay / direct path, p99", "x", slack=0.3),
    Figure("excess_p99_ms", "delay over the direct path, p99", "ms", slack=_MS),
    Figure("depth_p50", "tree depth, median", "hops", slack=1),
    Figure("depth_max", "tree depth, largest", "hops", slack=1),
    Figure("children_max", "most children of a node", "nodes", Better.NEITHER),
    Figure("over_cap", "children over cap", "times", tolerance=0),
    Figure("over_burst", "children above burst", "times", tolerance=0),
    Figure("joins", "newcomers that asked", "joins", Better.NEITHER),
    Figure("refusals_per_join", "refusals per join", "", slack=0.01),
    Figure("messages_per_join", "messages per join", "", slack=0.2),
    Figure("join_p50_ms", "join, request to accept, median", "ms", slack=_MS),
    Figure("join_p95_ms", "join, request to accept, p95", "ms", slack=2 * _MS),
    Figure("wish_p95_ms", "join, wish to accept, p95", "ms", slack=2 * _MS),
    Figure("join_failures", "joins never accepted", "joins", tolerance=0),
    Figure("overlay_stretch_p50", "overlay path / direct, median", "x", slack=_RATIO),
    Figure("overlay_stretch_p95", "overlay path / direct, p95", "x", slack=0.1),
    Figure("overlay_stretch_p99", "overlay path / direct, p99", "x", slack=0.3),
    Figure("overlay_unreachable", "pairs without a path", "pairs", tolerance=0),
    Figure("degree_p50", "links of a node, median", "links", Better.NEITHER),
    Figure("degree_max", "links of a node, most", "links", slack=2),
    Figure("cold_stretch_p50", "cold start: overlay path / direct, median", "x"),
    Figure("cold_stretch_p95", "cold start: overlay path / direct, p95", "x"),
    Figure("newcomer_excess_p90_ms", "newcomer's RTT over ideal, p90", "ms", slack=_MS),
    Figure(
        "newcomer_linked_excess_p90_ms",
        "the same of links 10 s later, p90",
        "ms",
        slack=_MS,
    ),
    Figure("newcomer_probes_max", "newcomer's probes, most", "probes", slack=2),
    Figure("newcomer_took_p90_s", "newcomer's search, p90", "s", slack=0.2),
    Figure("lookups", "viewers that waited for the directory", "", Better.NEITHER),
    Figure("lookups_missed", "streams that ended before they were found", ""),
    Figure("resolve_p50_ms", "time to resolve a stream, median", "ms", slack=50),
    Figure("resolve_p99_ms", "time to resolve a stream, p99", "ms", slack=200),
    Figure("resolve_healed_p50_s", "the same after a partition, median", "s", slack=1),
    Figure("resolve_healed_p99_s", "the same after a partition, p99", "s", slack=3),
    Figure("control_octets_s", "control per node, all kinds", "B/s"),
    Figure("copies_per_delivered", "copies per delivered packet", "x", slack=0.005),
    Figure("copies_with_control", "same, control included", "x", slack=0.005),
    Figure("delivered_share", "packets delivered", "share", Better.HIGHER, 0, 0.0005),
    Figure("duplicates", "packets delivered twice", "packets", tolerance=0),
    Figure("route_loops", "route loops", "loops", tolerance=0),
    Figure("tree_loops", "tree loops", "loops", tolerance=0),
    Figure("loop_s", "time with a loop somewhere", "s", tolerance=0),
    Figure("repairs", "nodes cut off", "nodes", Better.NEITHER),
    Figure("repair_p50_ms", "repair gap, median", "ms", slack=2 * _MS),
    Figure("repair_p95_ms", "repair gap, p95", "ms", slack=10 * _MS),
    Figure("repair_p99_ms", "repair gap, p99", "ms", slack=20 * _MS),
    Figure("repair_150_share", "served within 150 ms", "share", Better.HIGHER, 0, 0.02),
    Figure("repair_500_share", "served within 500 ms", "share", Better.HIGHER, 0, 0.01),
    Figure("repair_2000_share", "within 2 s", "share", Better.HIGHER, 0, _SHARE),
    Figure("asks_peak", "most joins at one node in 1 s", "joins", slack=3),
    Figure("moves_per_node_h", "moves per node and hour", "/h", slack=0.3),
    Figure("false_moves_per_node_h", "false moves per node, hour", "/h", slack=0.2),
    Figure("reassignments_per_node_h", "new parents per node, hour", "/h", slack=0.5),
    Figure("escape_p99_s", "leaves a parent 100 ms worse, p99", "s", slack=1),
    Figure("violations", "broken promises (checkers)", "", tolerance=0),
)

FIGURES = {figure.name: figure for figure in _TABLE}
LABELS = {
    "one": "one relay dies",
    "five": "5 % die",
    "twenty": "20 % die",
    "region": "a region dies",
}
CONTROL = "control_"


def figure_of(name: str) -> Figure:
    """The meaning of a figure by its name, also of labelled and unknown ones."""
    if name in FIGURES:
        return FIGURES[name]
    label, dot, plain = name.partition(".")
    if dot and plain in FIGURES:
        known = FIGURES[plain]
        title = f"{LABELS.get(label, label)}: {known.title}"
        change = (known.better, known.tolerance, known.slack)
        return Figure(name, title, known.unit, *change)
    if name.startswith(CONTROL):
        kind = name.removeprefix(CONTROL).removesuffix("_octets_s")
        return Figure(name, f"control per node: {kind}", "B/s", slack=1)
    return Figure(name, name, "", Better.NEITHER)


def shown(name: str, value: float | None) -> str:
    """A value with its unit, as short as it can be said."""
    if value is None:
        return "-"
    if math.isinf(value):
        return "never"
    unit = figure_of(name).unit
    if unit == "share":
        return f"{100 * value:.2f} %"
    if unit == "x":
        return f"{value:.3f}"
    return f"{number(value)} {unit}".rstrip()


def number(value: float) -> str:
    """Three significant digits, whole numbers whole."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
