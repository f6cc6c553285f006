"""Reports survive their files, and other files are refused with a sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from meshsim.acceptance import judge_all
from meshsim.report.model import (
    NEVER,
    SCHEMA,
    ReportFileError,
    as_json,
    from_json,
    load,
    rounded,
    save,
    save_all,
    written,
)
from support.reports import report


def test_a_report_round_trips(tmp_path: Path) -> None:
    made = report(broken=True)
    path = tmp_path / "r.json"
    save(path, made)
    (read,) = load(path)
    assert as_json(read) == as_json(made)
    assert read.key == made.key
    assert [j.verdict for j in read.judged()] == [j.verdict for j in made.judged()]


def test_the_file_names_its_schema_and_the_verdicts() -> None:
    value = as_json(report(excess_p99_ms=99.0))
    assert value["schema"] == SCHEMA
    verdicts = {line["figure"]: line["verdict"] for line in value["acceptance"]}
    assert verdicts["excess_p99_ms"] == "missed"
    assert verdicts["tree_loops"] == "met"
    json.dumps(value, allow_nan=False)


def test_infinity_is_written_as_never_and_read_back() -> None:
    value = as_json(report(repair_p99_ms=math.inf))
    assert value["figures"]["repair_p99_ms"] == NEVER
    assert from_json(value).figures["repair_p99_ms"] == math.inf


def test_six_digits_are_kept_and_whole_numbers_stay_whole() -> None:
    assert rounded(1 / 3) == 0.333333
    assert written({"a": 12345678, "b": 1234567.8, "c": None}) == {
        "a": 12345678,
        "b": 1234570.0,
        "c": None,
    }


def test_many_reports_lie_in_one_file_without_curves(tmp_path: Path) -> None:
    reports = [report(1), report(2)]
    judged = judge_all([(r.scenario, r.nodes, r.figures) for r in reports])
    path = tmp_path / "all.json"
    save_all(path, reports, judged)
    read = load(path)
    assert [each.seed for each in read] == [1, 2]
    assert all(not each.series and each.story is None for each in read)
    assert len(json.loads(path.read_text())["acceptance"]) == len(judged)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON of ours"),
        ("[]", "not a report"),
        ('{"schema": "meshsim/report/9"}', "expected schema meshsim/report/1"),
        ('{"schema": "meshsim/report/1"}', "missing or wrong"),
        ('{"schema": "meshsim/reports/1"}', "not JSON of ours"),
        ('{"schema": "meshsim/reports/1", "reports": 3}', "not JSON of ours"),
        ('{"schema": "meshsim/reports/1", "reports": [3]}', "not a report"),
    ],
)
def test_other_files_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(ReportFileError, match=said) as caught:
        load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["seed", "figures", "parameters", "violations"])
def test_a_wrong_field_is_no_report(name: str) -> None:
    value = as_json(report()) | {name: None}
    with pytest.raises(ReportFileError, match="missing or wrong"):
        from_json(value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportFileError, match=r"cannot read .*absent\.json"):
        load(tmp_path / "absent.json")
