"""The vectors of RFC 0003 section 13 are what our forwarder does between others."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.forwarding_vectors import check_deltas, check_replay, hops
from support.leg_cases import LEG_CASES


def test_there_is_a_file_for_every_story() -> None:
    assert {path.stem for path in hops()} == LEG_CASES.keys()


@pytest.mark.parametrize("path", hops(), ids=lambda path: path.stem)
def test_our_forwarder_sends_what_a_vector_says(path: Path) -> None:
    check_replay(path)


@pytest.mark.parametrize("path", hops(), ids=lambda path: path.stem)
def test_the_deltas_of_a_vector_survive_bytes(path: Path) -> None:
    check_deltas(path)


def test_the_vectors_show_what_they_are_for() -> None:
    told = {path.stem: path.read_text() for path in hops()}
    assert '"repeats"' in told["hop-pass-on"]
    assert '"Activated"' in told["hop-standby"]
    assert '"pause_after": ' in told["hop-pause"]
