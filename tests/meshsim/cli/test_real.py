"""The command with the mesh itself: a small one, twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshsim.cli.main import main

SCENARIO = """
title = "Twenty nodes, one of them dies"
nodes = 20
duration_s = 45
settle_s = 20
[[streams]]
name = "show"
kind = "middle"
at_s = 3
[[audiences]]
stream = "show"
at_s = 6
over_s = 4
come = "evenly"
[[faults]]
what = "crash"
who = "relay"
at_s = 30
label = "one"
"""


@pytest.mark.timeout(300)
def test_a_run_serves_everybody_and_the_same_seed_gives_the_same_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SCENARIO)
    made = []
    for name in ("a", "b"):
        main(["run", "small.toml", "--json", f"{name}.json", "--html", f"{name}.html"])
        report = json.loads(Path(f"{name}.json").read_text())
        assert report.pop("run")["events"] > 1_000
        made.append(report)
    assert made[0] == made[1]
    figures = made[0]["figures"]
    assert figures["served_share"] == 1.0
    assert figures["tree_loops"] == figures["route_loops"] == 0
    assert figures["one.repairs"] >= 1
    assert figures["joins"] >= 15
    assert figures["delay_p50_over_oracle"] < 3
    assert made[0]["story"]["frames"]
    assert "dies without a word" in Path("a.html").read_text()
