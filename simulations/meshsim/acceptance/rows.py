"""The acceptance table and the plan of runs that feeds it, row by row."""

from __future__ import annotations

import math

from meshsim.acceptance.bars import Bar, Over, Row, Run

MODELS = ("planetlab", "cities", "synth")
SEEDS = (1, 2, 3)
PLAN = (
    Run("settled", MODELS, SEEDS),
    Run("deaths", MODELS, SEEDS),
    Run("churn", MODELS, SEEDS),
    Run("tight", MODELS, SEEDS),
    Run("scarce", MODELS, SEEDS),
    Run("churn-100", MODELS, SEEDS),
    Run("large", ("planetlab",), (1,)),
)
"""Those that feed most rows first.  `large` is 10,000 nodes: served, delays, stretch,
excess, depth and overlay."""

TREES = ("settled", "large")


def _repairs(label: str, accept: tuple[float, float, float], study: str) -> Row:
    names = {"one": "one relay dies", "five": "5 % die at once"}
    names |= {"twenty": "20 % die at once", "region": "a region (20 %) dies"}
    aims = (0.95, 1.0, 1.0) if label == "one" else (None, None, None)
    told = study.split(" / ")
    bars = tuple(
        Bar(f"{label}.repair_{limit}_share", accept[i], aims[i], told[i])
        for i, limit in enumerate((150, 500, 2000))
    )
    title = f"{names[label]}: affected served within 150 / 500 / 2,000 ms"
    return Row(f"repair-{label}", title, bars, ("deaths",))


ROWS = (
    Row(
        "served",
        "served, 1.5 slots per subscriber and more",
        (Bar("served_share", 1.0, None, "100 %"),),
        ("settled", "scarce", "large"),
    ),
    Row(
        "served-tight",
        "served, 1.06 slots per subscriber",
        (Bar("served_share", 0.999, 1.0, "100 %"),),
        ("tight",),
    ),
    Row(
        "delay-p50",
        "median delay / oracle",
        (
            Bar("delay_p50_over_oracle", 1.30, None, "1.08-1.24"),
            Bar("delay_p50_over_oracle", 1.20, 1.10, "mean 1.15", Over.MEAN),
        ),
        TREES,
    ),
    Row(
        "delay-p99",
        "p99 delay / oracle",
        (Bar("delay_p99_over_oracle", 1.25, 1.10, "mean 1.11"),),
        TREES,
    ),
    Row(
        "stretch",
        "delay over the direct path: p50 / p95 / p99",
        (
            Bar("stretch_p50", 1.25, 1.10, "1.10"),
            Bar("stretch_p95", 2.7, 1.77, "1.77"),
            Bar("stretch_p99", 4.0, 2.47, "2.47"),
        ),
        TREES,
    ),
    Row(
        "excess",
        "excess over the direct path, p99",
        (Bar("excess_p99_ms", 45, 25, "19-38 ms"),),
        TREES,
    ),
    Row(
        "depth",
        "depth of the tree, largest",
        (
            Bar("depth_max", 10, None, "7-8", nodes=(0, 3_000)),
            Bar("depth_max", 16, None, "9-13", nodes=(3_001, math.inf)),
        ),
        TREES,
    ),
    Row(
        "cap",
        "children over cap; above burst",
        (Bar("over_cap", 0, None, "0"), Bar("over_burst", 0, None, "0")),
    ),
    Row(
        "join-cost",
        "refusals, messages per join",
        (
            Bar("refusals_per_join", 0.02, None, "0.003"),
            Bar("messages_per_join", 3, None, "2.0"),
        ),
        ("settled",),
    ),
    Row(
        "join-time",
        "join, request to accept: p50 / p95",
        (
            Bar("join_p50_ms", 30, None, "17 ms"),
            Bar("join_p95_ms", 250, None, "130 ms"),
        ),
        ("settled",),
    ),
    Row(
        "overlay",
        "overlay stretch with capacity: p50 / p95 / p99, no unreachable pair",
        (
            Bar("overlay_stretch_p50", 1.25, None, "1.17"),
            Bar("overlay_stretch_p95", 2.3, None, "1.94"),
            Bar("overlay_stretch_p99", 3.5, None, "2.71"),
            Bar("overlay_unreachable", 0, None, "0"),
        ),
        TREES,
    ),
    Row(
        "newcomer",
        "newcomer near its ideal neighbours (p90), probes, time",
        (
            Bar("newcomer_excess_p90_ms", 35, None, "16-33 ms"),
            Bar("newcomer_probes_max", 32, None, "24"),
            Bar("newcomer_took_p90_s", 1.5, None, "0.85 s"),
        ),
        ("settled",),
    ),
    Row(
        "cold-start",
        "cold start, all at once: overlay p50 / p95 after 15 s",
        (
            Bar("cold_stretch_p50", 1.4, None, "1.26 after 10 s"),
            Bar("cold_stretch_p95", 3.0, None, "2.4 after 10 s"),
        ),
        ("settled",),
    ),
    Row(
        "routes-10",
        "route control, 10 origins, 1 %/min churn",
        (Bar("control_routing_octets_s", 150, None, "50 B/s"),),
        ("churn",),
    ),
    Row(
        "routes-100",
        "route control, 100 origins, 1 %/min churn",
        (Bar("control_routing_octets_s", 1_000, None, "300 B/s"),),
        ("churn-100",),
    ),
    Row(
        "loops",
        "route loops; tree loops at any instant",
        (Bar("route_loops", 0, None, "0"), Bar("tree_loops", 0, None, "0")),
    ),
    _repairs("one", (0.80, 0.99, 0.9999), "0.86 / 0.9995 / 1"),
    _repairs("five", (0.70, 0.97, 0.999), "0.77 / 0.986 / 0.9996"),
    _repairs("twenty", (0.45, 0.80, 0.98), "0.55 / 0.86 / 0.993"),
    _repairs("region", (0.30, 0.65, 0.96), "0.45 / 0.78 / 0.985"),
    Row(
        "storm",
        "most joins at one node in 1 s, single death",
        (Bar("one.asks_peak", 30, None, "14"),),
        ("deaths",),
    ),
    Row(
        "moves",
        "moves per node and hour, steady, 1 %/min churn",
        (Bar("moves_per_node_h", 4, None, "1.7-2.6"),),
        ("churn",),
    ),
    Row(
        "false-moves",
        "false moves on steady paths per hour",
        (Bar("false_moves_per_node_h", 1, None, "0.1-0.6"),),
        ("settled",),
    ),
    Row(
        "escape",
        "leave a parent 100 ms worse, p99",
        (Bar("escape_p99_s", 10, 5, "8 s"),),
        ("settled",),
    ),
    Row(
        "delivered",
        "packets delivered to a viewer, 1 %/min churn, 1 % loss per link; no duplicate",
        (
            Bar("delivered_share", 0.999, 0.9999, "not modelled"),
            Bar("duplicates", 0, None, ""),
        ),
        ("churn",),
    ),
    Row(
        "copies",
        "copies received per packet delivered, control included",
        (Bar("copies_with_control", 1.05, 1.02, ""),),
        ("churn",),
    ),
    Row(
        "promises",
        "promises broken, by the checkers",
        (Bar("violations", 0, None, ""),),
    ),
)
