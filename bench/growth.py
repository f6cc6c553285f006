"""How cost grows with viewers: a fixed part per packet that comes, and one per copy.

The model is `a + b * viewers` microseconds per packet of the publisher, fitted by least
squares of the relative error, so that ten viewers count as much as a thousand.  The
slope is that of the logarithms from ten viewers on: 1 is linear, more would mean that a
crowd costs more than its members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log

from bench.record import Record

Points = Sequence[tuple[int, float]]
"""Viewers, and microseconds per packet of the publisher for all of them."""
FROM = 10
FITTED = ("native", "gso")


def line(points: Points) -> tuple[float, float]:
    """`a` and `b` of the model; at least two points of different viewers."""
    weights = [1 / cost**2 for _, cost in points]
    total = sum(weights)
    mean_n = sum(w * n for w, (n, _) in zip(weights, points, strict=True)) / total
    mean_c = sum(w * c for w, (_, c) in zip(weights, points, strict=True)) / total
    both = [
        (w, n - mean_n, c - mean_c) for w, (n, c) in zip(weights, points, strict=True)
    ]
    b = sum(w * n * c for w, n, c in both) / sum(w * n * n for w, n, _ in both)
    return mean_c - b * mean_n, b


def slope(points: Points) -> float:
    """Of the logarithms; at least two points of different viewers."""
    logs = [(log(n), log(cost)) for n, cost in points]
    mean_n = sum(n for n, _ in logs) / len(logs)
    mean_c = sum(c for _, c in logs) / len(logs)
    over = sum((n - mean_n) ** 2 for n, _ in logs)
    return sum((n - mean_n) * (c - mean_c) for n, c in logs) / over


def fitted(record: Record) -> Iterator[str]:
    """A line per shape and column that has points enough; kept in the record too."""
    for column in FITTED:
        for shape, series in record.series(column).items():
            points = [(n, cost * n) for n, cost in series]
            crowds = [point for point in points if point[0] >= FROM]
            if len(crowds) < 2:
                continue
            (a, b), grows = line(points), slope(crowds)
            record.facts[f"{column}, {shape}"] = {"a_us": a, "b_us": b, "slope": grows}
            yield (
                f"{column:>9}, {shape}: {a:.1f} us per packet + {b:.2f} us per copy,"
                f" slope {grows:.2f}"
            )
