"""What a machine tells its owner: values that nobody has to answer.

Each package derives its own events in its `events` module; the runtime writes each as
one line of JSON, the simulator's checkers read them.  Names are the past tense of what
happened.  An event carries no secrets and no packet contents.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.ids import NodeId


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """Remote input had no effect; `reason` is a short fixed label for a counter."""

    neighbour: NodeId | None
    reason: str


@dataclass(frozen=True, slots=True)
class LimitReached(Event):
    """A bounded table refused an entry; `limit` is the name to configure."""

    limit: str
    maximum: int
