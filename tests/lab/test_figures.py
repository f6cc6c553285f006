"""Percentiles, tables and what is read out of statuses."""

from __future__ import annotations

import math

import pytest

from support.lab import figures
from support.lab.figures import Report, columns, count, percentile, size, spread
from support.lab.mesh import View
from support.lab.timeline import entries, moment, timeline


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, p) for p in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.0], 1) == 7.0
    assert math.isnan(percentile([], 50))
    assert spread([3.0, 1.0]) == {"n": 2, "p50": 1.0, "p95": 3.0, "p99": 3.0, "max": 3}


def test_counts_come_from_the_environment_and_a_slice_caps_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert count("kills", 50) == 50
    monkeypatch.setenv("MESHNODE_LAB_KILLS", "80")
    assert count("kills", 50) == 80
    monkeypatch.setenv("MESHNODE_LAB_SLICE", "3")
    assert count("kills", 50) == 3
    assert size("kills", 50) == 80


def test_a_report_is_kept_and_says_which_promise_was_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: figures.Path
) -> None:
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.delenv("MESHNODE_LAB_SLICE", raising=False)
    report = Report("some")
    report.limit("kept", 1.0, 2.0)
    report.verdict()
    report.limit("broken", 3.0, 2.0)
    report.limit("never measured", float("nan"), 2.0)
    with pytest.raises(AssertionError, match=r"(?s)not kept.*broken.*never measured"):
        report.verdict()
    assert "never measured" in (tmp_path / "some.json").read_text()


def test_columns_are_as_wide_as_they_must_be() -> None:
    rows = [{"a": 1, "long": 2.0}, {"a": 1000}]
    assert columns(rows) == ["a     long", "1     2.0 ", "1000      "]


def status(node: str, *peers: str, **tree: object) -> dict[str, object]:
    trees = [{"stream": "ff", "name": "lab", **tree}] if tree else []
    return {"node": node, "peers": [{"node": peer} for peer in peers], "trees": trees}


IDS = {"idA": "a", "idB": "b", "idC": "c"}


def test_a_link_needs_both_ends_to_see_it() -> None:
    one_sided = View({"a": status("idA", "idB"), "b": status("idB")}, IDS)
    assert not one_sided.is_whole
    both = View({"a": status("idA", "idB"), "b": status("idB", "idA")}, IDS)
    assert both.is_whole
    assert not View({}, IDS).is_whole


def test_a_path_is_followed_to_the_origin_and_a_circle_is_told() -> None:
    meshes = {
        "a": status("idA", state="origin"),
        "b": status("idB", state="live", parent="idA", second="C"),
        "c": status("idC", state="live", parent="idB"),
    }
    view = View(meshes, IDS)
    assert view.path("c", "lab") == ["a", "b", "c"]
    assert view.second("b", "lab") == "c"
    meshes["b"] = status("idB", state="live", parent="idC")
    with pytest.raises(AssertionError, match="circle"):
        View(meshes, IDS).path("c", "lab")


LOG = b"""\
meshnode is running
{"event": "ParentChanged", "old": null, "new": "idB", "time": "2026-11-29T01:00:00.5Z"}
{"event": "broken
"""


def test_logs_of_all_nodes_become_one_story_in_our_names() -> None:
    earlier = {"event": "Joined", "took_s": 0.12345, "time": "2026-11-29T01:00:00.1Z"}
    lines = list(timeline({"a": entries(LOG), "b": [earlier]}, IDS))
    assert [line.split()[1:3] for line in lines] == [
        ["b", "Joined"],
        ["a", "ParentChanged"],
    ]
    assert "took_s=0.123" in lines[0]
    assert lines[1].endswith("old=None new=b")
    assert len(list(timeline({"b": [earlier]}, IDS, since=moment(earlier) + 1))) == 0
