"""The states of a search for a parent, as a table (RFC 0011 section 4.2).

The diagram in the RFC is made from it by `diagram`.  Answers that only make the search
go on (a refusal, a redirect, silence) show as the cue of what follows: the next
candidate is asked, dialled first, or there is none.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """What a search waits for."""

    IDLE = "idle"  # nothing is sought, or it was found
    ASKING = "asking"  # a Join is out, an answer is due
    DIALLING = "dialling"  # a link to the candidate is being set up
    QUEUED = "queued"  # a candidate without media serves us when it has some
    RESTING = "resting"  # everybody was asked; a new round comes


class Cue(Enum):
    """What moves it on."""

    ASK = "ask"
    DIAL = "dial"
    STALL = "stall"
    ACCEPT = "accept"
    REST = "rest"
    STOP = "stop"


P, C = Phase, Cue
TRANSITIONS: dict[tuple[Phase, Cue], Phase] = {
    (P.IDLE, C.ASK): P.ASKING,
    (P.IDLE, C.DIAL): P.DIALLING,
    (P.IDLE, C.REST): P.RESTING,
    (P.IDLE, C.STOP): P.IDLE,
    (P.ASKING, C.ASK): P.ASKING,
    (P.ASKING, C.DIAL): P.DIALLING,
    (P.ASKING, C.STALL): P.QUEUED,
    (P.ASKING, C.ACCEPT): P.IDLE,
    (P.ASKING, C.REST): P.RESTING,
    (P.ASKING, C.STOP): P.IDLE,
    (P.DIALLING, C.ASK): P.ASKING,
    (P.DIALLING, C.DIAL): P.DIALLING,
    (P.DIALLING, C.ACCEPT): P.IDLE,
    (P.DIALLING, C.REST): P.RESTING,
    (P.DIALLING, C.STOP): P.IDLE,
    (P.QUEUED, C.ASK): P.ASKING,
    (P.QUEUED, C.DIAL): P.DIALLING,
    (P.QUEUED, C.ACCEPT): P.IDLE,
    (P.QUEUED, C.REST): P.RESTING,
    (P.QUEUED, C.STOP): P.IDLE,
    (P.RESTING, C.ASK): P.ASKING,
    (P.RESTING, C.DIAL): P.DIALLING,
    (P.RESTING, C.ACCEPT): P.IDLE,
    (P.RESTING, C.REST): P.RESTING,
    (P.RESTING, C.STOP): P.IDLE,
}


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> idle"]
    for (phase, cue), after in TRANSITIONS.items():
        lines.append(f"    {phase.value} --> {after.value}: {cue.value}")
    return "\n".join(lines)
