"""The table of a search, and its picture in the RFC."""

from __future__ import annotations

from pathlib import Path

from meshproto.distribution.phases import TRANSITIONS, Cue, Phase, diagram

RFC = Path(__file__).resolve().parents[3] / "rfcs/0011-distribution.md"


def test_every_phase_can_be_stopped_and_reached() -> None:
    assert all(TRANSITIONS[phase, Cue.STOP] is Phase.IDLE for phase in Phase)
    assert set(TRANSITIONS.values()) == set(Phase)


def test_only_a_question_can_stall() -> None:
    stalls = [phase for phase, cue in TRANSITIONS if cue is Cue.STALL]
    assert stalls == [Phase.ASKING]


def test_an_idle_search_cannot_be_accepted() -> None:
    assert (Phase.IDLE, Cue.ACCEPT) not in TRANSITIONS
    late = [Phase.ASKING, Phase.DIALLING, Phase.QUEUED, Phase.RESTING]
    assert all(TRANSITIONS[phase, Cue.ACCEPT] is Phase.IDLE for phase in late)


def test_the_diagram_of_the_rfc_is_the_table() -> None:
    assert f"```mermaid\n{diagram()}\n```" in RFC.read_text()
