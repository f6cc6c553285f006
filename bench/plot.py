"""A record as a picture: microseconds per delivered packet over viewers, logarithmic.

Plain SVG, so that nothing has to be installed for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from math import ceil, floor, log10
from pathlib import Path

from bench.record import Record

WIDTH, HEIGHT, MARGIN, LEGEND = 720, 420, 50, 230
COLOURS = {
    "reference": "#b5651d",
    "native": "#1f77b4",
    "gso": "#555555",
    "sendmmsg": "#2ca02c",
    "sendto": "#9467bd",
    "seal": "#d62728",
}
DASHES = ("", "6 3", "2 3", "8 2 2 2")
Place = Callable[[float], float]


def drawn(record: Record) -> Path:
    """Draw every column of every shape; where the picture is."""
    path = record.path.with_suffix(".svg")
    path.write_text("\n".join(_picture(record)) + "\n")
    return path


def _picture(record: Record) -> Iterator[str]:
    lines = {
        (column, shape): points
        for column in COLOURS
        for shape, points in record.series(column).items()
    }
    viewers = [n for points in lines.values() for n, _ in points]
    costs = [cost for points in lines.values() for _, cost in points]
    across = _scale(viewers, MARGIN, WIDTH - LEGEND)
    up = _scale(costs, HEIGHT - MARGIN, MARGIN / 2)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
    yield "<style>text{font:11px sans-serif}</style>"
    for n in sorted(set(viewers)):
        yield _text(across(n), HEIGHT - MARGIN + 16, str(n))
    for power in range(floor(log10(min(costs))), ceil(log10(max(costs))) + 1):
        yield _text(8, up(10.0**power) + 4, f"{10.0**power:g} us")
    shapes = list(dict.fromkeys(shape for _, shape in lines))
    for row, ((column, shape), points) in enumerate(lines.items()):
        style = f'stroke="{COLOURS[column]}" fill="none" stroke-width="1.5"'
        style += f' stroke-dasharray="{DASHES[shapes.index(shape) % len(DASHES)]}"'
        path = " ".join(f"{across(n):.1f},{up(cost):.1f}" for n, cost in points)
        yield f'<polyline points="{path}" {style}/>'
        at, y = WIDTH - LEGEND + 20, 20 + 16 * row
        yield f'<line x1="{at}" x2="{at + 30}" y1="{y}" y2="{y}" {style}/>'
        yield _text(at + 36, y + 4, f"{column}, {shape}")
    yield "</svg>"


def _scale(values: list[float] | list[int], start: float, stop: float) -> Place:
    """Logarithmic, to whole powers of ten."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    span = max(high - low, 1)
    return lambda value: start + (stop - start) * (log10(value) - low) / span


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
