"""The public list of GossipSub behaviours: each has a test named by its section and id,
and the numbers that the list gives as defaults are ours.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from meshproto.config.gossip import GossipConfig
from support.shared import require_shared

LISTED: dict[str, Any] = json.loads(
    require_shared("corpora", "gossip", "behaviours.json").read_text()
)
TESTS = {
    name
    for path in Path(__file__).parent.glob("test_gossip_*_behaviours.py")
    for name in re.findall(r"^def (test_\w+__\w+)\(", path.read_text(), re.MULTILINE)
}


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


@pytest.mark.parametrize("listed", LISTED["behaviours"], ids=lambda one: one["id"])
def test_every_behaviour_has_its_test(listed: dict[str, Any]) -> None:
    section = slug(listed["section"]) or "implementations"
    assert f"test_{section}__{slug(listed['id'])}" in TESTS


def test_the_defaults_are_those_of_the_list() -> None:
    config, listed = GossipConfig(), LISTED["defaults"]
    ours = {
        "D": config.degree,
        "D_lo": config.degree_low,
        "D_hi": config.degree_high,
        "D_score": config.degree_score,
        "D_out": config.degree_outbound,
        "D_lazy": config.degree_lazy,
        "idontwant_threshold_bytes": config.idontwant_threshold_octets,
    }
    for name, value in listed.items():
        assert ours.get(name, getattr(config, name, None)) == value, name


def test_there_are_as_many_tests_as_behaviours() -> None:
    assert len(TESTS) == len(LISTED["behaviours"]) == 53
