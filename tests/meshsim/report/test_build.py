"""A report holds what was seen, beside the oracle and the ancestor."""

from __future__ import annotations

from meshsim.report.build import VIOLATIONS_MAX, build, version
from meshsim.report.model import as_json
from support.reports import observation


def test_the_same_run_gives_the_same_report_but_for_its_cost() -> None:
    one, other = observation(4), observation(4)
    other.wall_s = 99.0
    first, second = as_json(build(one)), as_json(build(other))
    assert first.pop("run")["wall_s"] != second.pop("run")["wall_s"]
    assert first == second


def test_another_seed_gives_another_report() -> None:
    assert build(observation(4)).figures != build(observation(5)).figures


def test_ours_oracle_and_ancestor_stand_side_by_side() -> None:
    report = build(observation())
    for name in ("delay_p50_ms", "stretch_p99", "excess_p99_ms", "depth_max"):
        for table in (report.figures, report.oracle, report.ancestor):
            assert table[name] is not None
    assert report.ancestor["loop_s"] == 95.0
    assert report.figures["delay_p99_over_oracle"] is not None


def test_without_the_oracle_its_column_is_empty() -> None:
    report = build(observation(), oracle=False)
    assert report.oracle == {}
    assert "delay_p50_over_oracle" not in report.figures


def test_violations_are_told_up_to_a_limit_and_all_counted() -> None:
    seen = observation(broken=True)
    seen.violations *= VIOLATIONS_MAX + 3
    report = build(seen)
    assert len(report.violations) == VIOLATIONS_MAX
    assert report.figures["violations"] == VIOLATIONS_MAX + 3
    assert report.violations[0]["events"] == ["1.0 node 3 joins", "2.0 packet 9"]


def test_it_knows_its_version_and_what_it_cost() -> None:
    report = build(observation())
    assert report.version == version() != ""
    assert len(report.run["code"]) == 16  # the sources are known too
    assert report.run["events"] == 123_456
    assert report.run["log_hash"].startswith("c0ffee")
