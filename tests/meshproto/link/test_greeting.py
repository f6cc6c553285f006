"""How a link becomes ready; the RFC shows the very table of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshproto.ids import NodeId
from meshproto.link.greeting import TABLE, Signal, State, negotiate, render, step
from meshproto.wire.control.link import Hello
from support.link_pair import quick

RFC = Path(__file__).resolve().parents[3] / "rfcs/0005-identity-and-links.md"


def test_a_link_is_ready_after_a_hello_and_a_proof() -> None:
    state = step(State.GREETING, Signal.HELLO)
    assert state is State.HEARD
    assert step(state, Signal.PROOF) is State.READY


def test_a_proof_before_a_hello_proves_nothing() -> None:
    assert step(State.GREETING, Signal.PROOF) is State.GREETING


def test_a_newer_hello_begins_a_ready_link_anew() -> None:
    assert step(State.READY, Signal.HELLO) is State.HEARD


@pytest.mark.parametrize("signal", Signal)
def test_what_is_gone_stays_gone(signal: Signal) -> None:
    assert step(State.GONE, signal) is State.GONE


def test_every_state_can_end() -> None:
    assert {state for state, signal in TABLE if signal is Signal.END} == {
        State.GREETING,
        State.HEARD,
        State.READY,
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        ((1, 1), (1, 1), 1),
        ((1, 3), (2, 5), 3),
        ((2, 5), (1, 3), 3),
        ((1, 1), (2, 3), None),
        ((4, 5), (1, 3), None),
        ((1, 1), (1, 255), 1),
        ((1, 1), (3, 2), None),
    ],
)
def test_the_newest_common_version_is_spoken(
    ours: tuple[int, int], theirs: tuple[int, int], agreed: int | None
) -> None:
    config = quick(oldest_version=ours[0], newest_version=ours[1])
    hello = Hello(*theirs, 0, NodeId(b"n" * 38), 1, 1, 0.0)
    assert negotiate(config, hello) == agreed


def test_the_rfc_shows_this_table() -> None:
    assert render() in RFC.read_text(encoding="utf-8")
