"""All figures of a whole observation together."""

from __future__ import annotations

from meshsim.acceptance import ROWS
from meshsim.figures import FIGURES, figure_of
from meshsim.metrics import figures
from meshsim.observation import Observation
from support.spaces import nodes, square
from support.synthetic import observe


def test_every_figure_in_the_catalogue_can_be_measured() -> None:
    seen = observe(square(40, 3), nodes([4] * 40), 3)
    missing = set(FIGURES) - set(figures(seen))
    assert missing == {"delay_p50_over_oracle", "delay_p99_over_oracle"}


def test_every_figure_that_is_judged_is_measured() -> None:
    seen = observe(square(40, 3), nodes([4] * 40), 3)
    measured = set(figures(seen))
    wanted = {bar.figure for row in ROWS for bar in row.bars}
    labelled = {name for name in wanted if name.partition(".")[0] in LABELLED}
    left = wanted - measured - labelled
    assert left == {"delay_p50_over_oracle", "delay_p99_over_oracle"}


LABELLED = ("five", "twenty", "region")


def test_a_run_that_saw_nothing_has_only_what_can_be_said_of_nothing() -> None:
    empty = figures(Observation("x", 1, square(3, 1), nodes([1] * 3)))
    assert empty == {
        "over_cap": 0,
        "over_burst": 0,
        "route_loops": 0,
        "tree_loops": 0,
        "loop_s": 0.0,
        "violations": 0,
    }
    assert all(figure_of(name).title for name in empty)
