"""The report in sentences, for whoever does not read tables.

Only what was measured is said, and each sentence gives the figure it stands on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from meshsim.acceptance import Judged, Verdict
from meshsim.figures import LABELS, number
from meshsim.report.model import Report

MODELS = {
    "planetlab": "measured PlanetLab paths",
    "cities": "measured paths between cities",
    "synth": "synthetic paths between cities",
}


def sentences(report: Report) -> list[str]:
    """What happened, most important first."""
    return [
        *_setting(report),
        *_service(report),
        *_delay(report),
        *_repair(report),
        *_cost(report),
        *_promises(report),
    ]


def verdict_line(judged: list[Judged]) -> str:
    """How many limits were met, and which were not."""
    seen = [each for each in judged if each.verdict is not Verdict.UNSEEN]
    missed = [each for each in seen if each.verdict is Verdict.MISSED]
    if not seen:
        return "No limit of the acceptance table is meant for this run."
    if not missed:
        return f"All {len(seen)} limits that this run feeds are met."
    names = ", ".join(dict.fromkeys(each.row.title for each in missed))
    return f"{len(seen) - len(missed)} of {len(seen)} limits met; missed: {names}."


def _setting(report: Report) -> Iterator[str]:
    model = str(report.parameters.get("model", ""))
    where = f" on {MODELS.get(model, model)}" if model else ""
    nodes = f"{report.nodes:,} nodes" if report.nodes else "A mesh"
    minutes = float(report.run.get("simulated_s", 0)) / 60
    yield f"{nodes}{where}, {number(round(minutes, 1))} minutes of the mesh's time."


def _service(report: Report) -> Iterator[str]:
    share = report.figures.get("served_share")
    if share is None:
        return
    if share >= 1:
        yield "Everybody who wanted to watch was served."
    else:
        yield f"{_percent(share)} of those who wanted to watch were served."


def _delay(report: Report) -> Iterator[str]:
    half, most = (report.figures.get(f"delay_p{p}_ms") for p in (50, 99))
    if half is None or most is None:
        return
    text = f"Half of the viewers get a packet within {half:.0f} ms"
    text += f" of the publisher's node, 99 in 100 within {most:.0f} ms"
    best = report.oracle.get("delay_p50_ms")
    if best:
        text += f"; an all-knowing planner would reach {best:.0f} ms for the half"
    yield f"{text}."


def _repair(report: Report) -> Iterator[str]:
    labels = [label for label in LABELS if f"{label}.repairs" in report.figures]
    prefixes = [(f"{label}.", LABELS[label]) for label in labels] or [
        ("", "nodes fail")
    ]
    for prefix, event in prefixes:
        fast = report.figures.get(f"{prefix}repair_150_share")
        sure = report.figures.get(f"{prefix}repair_2000_share")
        median = report.figures.get(f"{prefix}repair_p50_ms")
        if fast is None or sure is None or median is None:
            continue
        typical = "no end" if math.isinf(median) else f"{median:.0f} ms"
        yield (
            f"When {event}, the picture of those cut off stops for {typical} in the"
            f" middle case: {_percent(fast)} have it back within 150 ms,"
            f" {_percent(sure)} within 2 s."
        )


def _cost(report: Report) -> Iterator[str]:
    control = report.figures.get("control_octets_s")
    if control is not None:
        yield f"Control costs a node {number(round(control))} octets a second."
    copies = report.figures.get("copies_with_control")
    if copies is not None:
        extra = f"{100 * (copies - 1):.1f} %"
        yield f"Beyond the packets that are watched the mesh carries {extra} more."


def _promises(report: Report) -> Iterator[str]:
    broken = report.figures.get("violations")
    if broken:
        yield f"{number(broken)} promises were broken; they are listed below."
    old = report.ancestor.get("loop_s")
    ours = report.figures.get("loop_s")
    if old is not None and ours is not None:
        here = f"for {number(ours)} s" if ours else "at no time"
        yield (
            f"Here packets could go round in circles {here}; under the draft protocol"
            f" that this mesh descends from, for {number(old)} s."
        )


def _percent(share: float) -> str:
    """Two digits after the point where they matter, never rounded up to 100."""
    text = (
        f"{100 * share:.1f}" if share < 0.99 else f"{math.floor(1e4 * share) / 100:g}"
    )
    return f"{text} %"
