"""`meshnode demo`: its geography, its mistakes, and a small one that runs and ends."""

from __future__ import annotations

import re
import signal
import urllib.request
from typing import Any

import pytest

from meshnode.cli.demonstration import CITIES, ONE_WAY_MS, address, delays
from meshnode.cli.main import main
from meshnode.config import Settings


def test_every_pair_of_cities_has_a_delay() -> None:
    pairs = {(a, b) for a in range(len(CITIES)) for b in range(a + 1, len(CITIES))}
    assert set(ONE_WAY_MS) == pairs


def test_delays_are_what_settings_read_and_the_same_both_ways() -> None:
    here = Settings(delays=delays(1, 3, 0.5)).delays
    assert here == {address(0): 3.5, address(2): 17.5}
    there = Settings(delays=delays(2, 3, 0.5)).delays
    assert there[address(1)] == here[address(2)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nodes", "1"], "--nodes is 1 but should be 2 to 5"),
        (["--nodes", "6"], "--nodes is 6 but should be 2 to 5"),
        (["--scale", "11"], "--scale is 11.0 but should be 0 to 10"),
    ],
)
def test_mistakes_are_one_sentence(capsys, arguments: list[str], said: str) -> None:
    assert main(["demo", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_a_small_demo_runs_shows_its_pages_and_leaves_nothing(start: Any) -> None:
    demo = start("demo", "--nodes", "2", "--no-open")
    trace = demo.until(r"trace  meshnode (trace demo --admin \S+)", 80.0)[1]
    lines = "\n".join(demo.lines)
    watch = re.search(r"watch  (http\S+)#watch=demo", lines)
    map_ = re.search(r"map    (http\S+)#stream=demo", lines)
    assert watch is not None
    assert map_ is not None
    for url, words in ((watch[1], "<title>meshnode"), (map_[1], "partial view")):
        with urllib.request.urlopen(url, timeout=20) as page:
            assert words in page.read().decode()
    assert trace.endswith(f"{address(1)}:8091")
    assert demo.stop(signal.SIGINT) == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(watch[1], timeout=20)
