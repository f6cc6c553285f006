"""`make bench` runs, and its tables have a figure in every place.

What the figures are is nobody's business here: machines that run tests are busy ones.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from meshnode.media import native
from support.shared import ROOT

FIGURE = r"\d+\.\d\d"


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.long
def test_every_part_measures_something() -> None:
    done = bench("--quick")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told = re.split(r"^== ", done.stdout, flags=re.MULTILINE)
    parts = {part.partition("\n")[0]: part for part in told[1:]}
    assert list(parts) == [
        "cost",
        "planes",
        "latency",
        "memory",
        "relay",
        "joins",
        "rewriting",
    ]
    rows = re.findall(
        rf"^video 600 kb/s +5 v +{FIGURE} .*$", parts["cost"], re.MULTILINE
    )
    assert len(rows) == 2, "with and without feedback"
    assert all(row.endswith("0.0%") for row in rows), "nothing is lost"
    if not native.missing():
        three = rf"^video 600 kb/s +5 v( +{FIGURE} \({FIGURE}-{FIGURE}\)){{3}} "
        assert re.search(three, parts["planes"], re.MULTILINE)
        delays = rf"^ +native: p50 +{FIGURE} .* p99 +{FIGURE} .* lost 0$"
        assert re.search(delays, parts["latency"], re.MULTILINE)
        assert re.search(rf"plane +native +{FIGURE}", parts["memory"])
    assert re.search(rf"plane reference +{FIGURE}", parts["memory"])
    assert re.search(r"MediaRelay .* at [1-9]\d* fps", parts["relay"])
    assert (
        len(re.findall(rf" {FIGURE} \({FIGURE}-{FIGURE}\)$", parts["joins"], re.M)) == 3
    )
    assert re.search(r"^ +200 ", parts["rewriting"], re.MULTILINE)


@pytest.mark.long
def test_a_short_soak_runs() -> None:
    if why := native.missing():
        pytest.skip(why)
    done = bench("soak", "--quick")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^lost 0 of [1-9]\d*$", done.stdout, re.M)
    assert re.search(r"^ended in \d+\.\d\d s with status 0$", done.stdout, re.M)
    assert "\nfine\n" in done.stdout


def test_an_unknown_part_is_answered_with_those_there_are() -> None:
    done = bench("coost")
    assert done.returncode == 2
    assert "no part coost; there are: cost planes latency memory relay" in done.stderr
