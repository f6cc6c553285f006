"""Every figure has one meaning, and is shown as a person would say it."""

from __future__ import annotations

import math

import pytest

from meshsim.acceptance import ROWS
from meshsim.figures import FIGURES, Better, figure_of, shown
from meshsim.metrics import figures
from support.spaces import nodes, square
from support.synthetic import observe


def test_whatever_the_metrics_measure_has_a_meaning() -> None:
    measured = figures(observe(square(30, 1), nodes([4] * 30), 1))
    unknown = [name for name in measured if figure_of(name).title == name]
    assert not unknown


def test_whatever_is_judged_has_a_direction() -> None:
    for row in ROWS:
        for bar in row.bars:
            assert figure_of(bar.figure).better is not Better.NEITHER
            assert figure_of(bar.figure).title != bar.figure


def test_a_labelled_figure_is_its_plain_one_for_one_kind_of_fault() -> None:
    plain, one = FIGURES["repair_150_share"], figure_of("one.repair_150_share")
    assert one.title == "one relay dies: served within 150 ms"
    assert (one.better, one.tolerance, one.unit) == (
        plain.better,
        plain.tolerance,
        plain.unit,
    )
    assert figure_of("flood.repairs").title == "flood: nodes cut off"


def test_control_of_any_kind_and_things_nobody_knows() -> None:
    assert figure_of("control_gossip_octets_s").title == "control per node: gossip"
    assert figure_of("luck").better is Better.NEITHER


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("served_share", 0.9995, "99.95 %"),
        ("stretch_p50", 1.1, "1.100"),
        ("excess_p99_ms", 37.512, "37.5 ms"),
        ("delay_p99_ms", 234.5, "234 ms"),
        ("control_octets_s", 1240.0, "1,240 B/s"),
        ("refusals_per_join", 0.0031, "0.0031"),
        ("repair_p99_ms", math.inf, "never"),
        ("repair_p99_ms", None, "-"),
    ],
)
def test_values_are_short(name: str, value: float | None, text: str) -> None:
    assert shown(name, value) == text
