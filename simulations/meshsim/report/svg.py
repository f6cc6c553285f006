"""Small plots as inline SVG: lines, steps and bars with axes, nothing else.

Colours come from the page's style sheet by the class of a line, so that a plot is right
in light and in dark; every line has a title that a browser shows under the mouse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from meshsim.figures import number

Line = Sequence[Sequence[float]]

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 42
TICKS = 6


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a plot: its title, its range, and whether it is logarithmic."""

    title: str
    low: float
    high: float
    logarithmic: bool = False
    percent: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        low, high = self._bend(self.low), self._bend(self.high)
        if high <= low:
            return 0.0
        return min(1.0, max(0.0, (self._bend(value) - low) / (high - low)))

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        if self.logarithmic:
            return _decades(self.low, self.high)
        return _even(self.low, self.high)

    def shown(self, value: float) -> str:
        """A tick's label."""
        return f"{100 * value:.4g} %" if self.percent else number(value)

    def _bend(self, value: float) -> float:
        return math.log10(max(value, 1e-9)) if self.logarithmic else value


def _even(low: float, high: float) -> list[float]:
    span = high - low
    if span <= 0:
        return [low]
    raw = span / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    found = [
        10.0**power * multiple
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for multiple in (1, 2, 5)
    ]
    return [value for value in found if low <= value <= high]


def x_of(axis: Axis, value: float) -> float:
    """Pixels from the left."""
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def y_of(axis: Axis, value: float) -> float:
    """Pixels from the top."""
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def lines(
    across: Axis,
    up: Axis,
    drawn: Mapping[str, Line],
    named: Callable[[str], str] = str,
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """A line plot; the class of each line is `line` and its name in `drawn`."""
    parts = [_frame(across, up)]
    for at, title in marks:
        x = x_of(across, at)
        parts.append(_rule("mark", (x, TOP), (x, HEIGHT - BOTTOM), title))
    for name, line in drawn.items():
        path = " ".join(f"{x_of(across, x):.1f},{y_of(up, y):.1f}" for x, y in line)
        parts.append(
            f'<polyline class="line s-{escape(name)}" points="{path}">'
            f"<title>{escape(named(name))}</title></polyline>"
        )
    return _svg(parts)


def bars(
    across: Axis, up: Axis, drawn: Mapping[str, Line], named: Callable[[str], str]
) -> str:
    """Bars side by side at whole numbers."""
    parts = [_frame(across, up)]
    step = x_of(across, across.low + 1) - x_of(across, across.low)
    width = 0.8 * step / max(1, len(drawn))
    floor = HEIGHT - BOTTOM
    for place, (name, line) in enumerate(drawn.items()):
        for x, y in line:
            left = x_of(across, x) - 0.4 * step + place * width
            top = y_of(up, y)
            title = f"{named(name)}: {across.shown(x)}, {up.shown(y)}"
            parts.append(
                f'<rect class="bar s-{escape(name)}" x="{left:.1f}" y="{top:.1f}"'
                f' width="{width:.1f}" height="{max(0.0, floor - top):.1f}">'
                f"<title>{escape(title)}</title></rect>"
            )
    return _svg(parts)


def _frame(across: Axis, up: Axis) -> str:
    floor, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in up.ticks():
        y = y_of(up, value)
        parts.append(_rule("grid", (LEFT, y), (right, y)))
        parts.append(_text("tick end", LEFT - 6, y + 4, up.shown(value)))
    for value in across.ticks():
        x = x_of(across, value)
        parts.append(_rule("grid", (x, TOP), (x, floor)))
        parts.append(_text("tick mid", x, floor + 16, across.shown(value)))
    parts.append(_rule("axis", (LEFT, floor), (right, floor)))
    parts.append(_text("name mid", (LEFT + right) / 2, HEIGHT - 6, across.title))
    return "".join(parts)


def _rule(
    kind: str, begin: tuple[float, float], end: tuple[float, float], title: str = ""
) -> str:
    (x1, y1), (x2, y2) = begin, end
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<line class="{kind}" {place}>{inside}</line>'


def _text(kind: str, x: float, y: float, said: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(said)}</text>'


def _svg(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'
