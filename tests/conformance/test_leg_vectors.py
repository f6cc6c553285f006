"""The vectors of RFC 0003 section 13 are what our forwarder does between others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshproto.errors import DecodeError
from meshproto.wire import ccfb
from support.forwarding_vectors import RELAY, check_deltas, check_replay, hops, load
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


FEEDBACK = load(RELAY / "feedback.json")


@pytest.mark.parametrize("case", FEEDBACK["packets"], ids=lambda case: case["about"])
def test_reports_about_legs_are_the_octets_of_the_vectors(case: Any) -> None:
    sources = tuple(
        ccfb.SourceReport(one["ssrc"], one["begin"], tuple(one["offsets"]))
        for one in case["sources"]
    )
    report = ccfb.CongestionFeedback(case["sender_ssrc"], sources, case["stamp"])
    packet = bytes.fromhex(case["packet"])
    assert report.encode() == packet
    assert ccfb.find(packet) == [report]


@pytest.mark.parametrize("case", FEEDBACK["refused"], ids=lambda case: case["reason"])
def test_reports_that_make_no_sense_are_refused_as_the_vectors_say(case: Any) -> None:
    with pytest.raises(DecodeError, match=case["reason"]):
        ccfb.find(bytes.fromhex(case["packet"]))
