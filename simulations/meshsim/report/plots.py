"""Which plots a page has, their axes, and one sentence each on how to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshsim.figures import LABELS
from meshsim.report.svg import Axis, Line, bars, lines

NAMES = {
    "ours": "this mesh",
    "direct": "direct path, if there were no limits",
    "oracle": "oracle (all-knowing planner)",
    "ancestor": "ancestor (draft protocol)",
    **LABELS,
}
Lines = Mapping[str, Line]


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawn plot; `legend` maps the class of each line to what a reader sees."""

    title: str
    how: str
    svg: str
    legend: Mapping[str, str]


def plots(series: Mapping[str, Any]) -> list[Plot]:
    """Every plot for which there are curves."""
    return list(_all(series))


def _all(series: Mapping[str, Any]) -> Iterator[Plot]:
    if drawn := series.get("delay_ms"):
        yield _shares(
            "How late packets are",
            "Read up from a delay: the share of viewers that get packets within it.",
            "ms after the publisher's node sent it",
            drawn,
        )
    if drawn := series.get("stretch"):
        yield _shares(
            "How much longer than the direct path",
            "1 is as fast as the direct path; relays can even beat the Internet's.",
            "times the direct delay",
            drawn,
        )
    if drawn := series.get("depth"):
        yield _depth(drawn)
    if drawn := series.get("repair_ms"):
        yield _repair(drawn)
    if drawn := series.get("join_ms"):
        yield _shares(
            "How fast newcomers get in",
            "From the first request to the accepting answer.",
            "ms",
            drawn,
        )
    if drawn := series.get("control"):
        yield _control(drawn, series.get("marks", ()))
    if drawn := series.get("served"):
        yield _served(drawn, series.get("marks", ()))


def _legend(drawn: Lines) -> dict[str, str]:
    return {name: NAMES.get(name, name) for name in drawn}


def _named(name: str) -> str:
    return NAMES.get(name, name)


def _ends(drawn: Lines) -> tuple[float, float]:
    found = [point[0] for line in drawn.values() for point in line]
    return min(found), max(found)


def _shares(title: str, how: str, unit: str, drawn: Lines) -> Plot:
    """A cumulative distribution; the axis ends where nearly all lines are up."""
    most = max(_reach(line) for line in drawn.values())
    across = Axis(unit, 0.0, most or 1.0)
    up = Axis("", 0.0, 1.0, percent=True)
    return Plot(
        title, how, lines(across, up, _clipped(drawn, most), _named), _legend(drawn)
    )


def _reach(line: Line) -> float:
    inside = [x for x, share in line if share <= 0.995]
    return max(inside, default=line[-1][0] if line else 0.0)


def _clipped(drawn: Lines, most: float) -> dict[str, Line]:
    return {
        name: [point for point in line if point[0] <= most]
        for name, line in drawn.items()
    }


def _depth(drawn: Lines) -> Plot:
    low, high = _ends(drawn)
    tallest = max(point[1] for line in drawn.values() for point in line)
    across = Axis("hops from the publisher's node", low - 0.5, high + 0.5)
    svg = bars(across, Axis("", 0.0, tallest, percent=True), drawn, _named)
    how = "The share of viewers at each depth of the tree."
    return Plot("How deep the tree is", how, svg, _legend(drawn))


def _repair(drawn: Lines) -> Plot:
    low, high = _ends(drawn)
    across = Axis("ms without a new packet", max(10.0, low), max(2_000.0, high), True)
    up = Axis("", 0.0, 1.0, percent=True)
    marks = [(150.0, "150 ms"), (500.0, "500 ms"), (2_000.0, "2 s")]
    how = "Of those cut off by a fault, the share that had media again within a time;"
    how += (
        " dashed: 150 ms, 500 ms and 2 s. A line that ends below the top left some out."
    )
    svg = lines(across, up, drawn, _named, marks)
    return Plot("How fast a fault is repaired", how, svg, _legend(drawn))


def _control(drawn: Lines, marks: Any) -> Plot:
    low, high = _ends(drawn)
    tallest = max((point[1] for line in drawn.values() for point in line), default=1.0)
    across = Axis("seconds of the mesh's time", low, high)
    places = {f"k{place}": line for place, line in enumerate(drawn.values())}
    legend = {f"k{place}": name for place, name in enumerate(drawn)}
    svg = lines(
        across, Axis("", 0.0, tallest or 1.0), places, legend.__getitem__, _marks(marks)
    )
    how = "Octets per second and node of everything but media, by kind; dashed: faults."
    return Plot("What control costs", how, svg, legend)


def _served(drawn: Lines, marks: Any) -> Plot:
    low, high = _ends(drawn)
    least = min(point[1] for line in drawn.values() for point in line)
    floor = 0.0 if least < 0.9 else 0.9
    across = Axis("seconds of the mesh's time", low, high)
    up = Axis("", floor, 1.0, percent=True)
    svg = lines(across, up, drawn, _named, _marks(marks))
    how = "The share of those who want to watch and have media; dashed: faults."
    return Plot("Who is served", how, svg, _legend(drawn))


def _marks(marks: Any) -> list[tuple[float, str]]:
    return [(float(at), str(title)) for at, title in marks]
