"""The table holds the rows of the design, and the plan feeds all of them."""

from __future__ import annotations

from meshsim.acceptance import PLAN, ROWS, Over
from meshsim.acceptance.rows import MODELS, SEEDS


def accepted(key: str) -> list[float]:
    return [bar.accept for row in ROWS if row.key == key for bar in row.bars]


def test_the_limits_are_those_of_the_design() -> None:
    assert accepted("served") == [1.0]
    assert accepted("served-tight") == [0.999]
    assert accepted("delay-p50") == [1.30, 1.20]
    assert accepted("delay-p99") == [1.25]
    assert accepted("stretch") == [1.25, 2.7, 4.0]
    assert accepted("excess") == [45]
    assert accepted("depth") == [10, 16]
    assert accepted("cap") == [0, 0]
    assert accepted("join-cost") == [0.02, 3]
    assert accepted("join-time") == [30, 250]
    assert accepted("overlay") == [1.25, 2.3, 3.5, 0]
    assert accepted("newcomer") == [35, 32, 1.5]
    assert accepted("cold-start") == [1.4, 3.0]
    assert accepted("routes-10") + accepted("routes-100") == [150, 1_000]
    assert accepted("loops") == [0, 0]
    assert accepted("repair-one") == [0.80, 0.99, 0.9999]
    assert accepted("repair-five") == [0.70, 0.97, 0.999]
    assert accepted("repair-twenty") == [0.45, 0.80, 0.98]
    assert accepted("repair-region") == [0.30, 0.65, 0.96]
    assert accepted("storm") == [30]
    assert accepted("moves") + accepted("false-moves") == [4, 1]
    assert accepted("escape") == [10]
    assert accepted("delivered") == [0.999, 0]
    assert accepted("copies") == [1.05]


def test_every_row_has_a_run_and_every_run_a_row() -> None:
    planned = {run.scenario for run in PLAN}
    wanted = {name for row in ROWS for name in row.runs}
    assert wanted == planned


def test_three_models_by_three_seeds_and_one_large_run() -> None:
    for run in PLAN:
        if run.scenario == "large":
            assert (len(run.models), run.seeds) == (1, (1,))
        else:
            assert (run.models, run.seeds) == (MODELS, SEEDS)


def test_keys_are_unique_and_aims_lie_beyond_limits() -> None:
    keys = [row.key for row in ROWS]
    assert len(keys) == len(set(keys))
    for row in ROWS:
        for bar in row.bars:
            if bar.aim is not None:
                assert bar.judge(bar.aim).value == "aim reached"
                assert (bar.aim > bar.accept) == bar.wants_more or bar.aim == bar.accept


def test_only_the_mean_of_the_median_ratio_is_judged_as_a_mean() -> None:
    means = [b for row in ROWS for b in row.bars if b.over is Over.MEAN]
    assert [(b.figure, b.accept) for b in means] == [("delay_p50_over_oracle", 1.20)]
