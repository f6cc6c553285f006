"""How a link becomes ready: the table that RFC 0005 section 5.2 shows.

Each end says Hello until it has proof that the other heard it, and any frame that is
addressed to one's own session is that proof.  Sessions of a node are ordered, so a late
Hello of an earlier life changes nothing and a newer one begins the link anew.
"""

from __future__ import annotations

from enum import Enum

from meshproto.config.link import LinkConfig
from meshproto.wire.control.link import Hello


class State(Enum):
    """How far the greeting came."""

    GREETING = "greeting"  # nothing heard
    HEARD = "heard"  # its Hello came; no proof yet that ours did
    READY = "ready"
    GONE = "gone"


class Signal(Enum):
    """What moves it."""

    HELLO = "a Hello of a newer session"
    PROOF = "a frame addressed to our session"
    END = "Goodbye, no common version, silence, overflow, `close`, `down`"


TABLE: dict[tuple[State, Signal], State] = {
    (State.GREETING, Signal.HELLO): State.HEARD,
    (State.GREETING, Signal.END): State.GONE,
    (State.HEARD, Signal.HELLO): State.HEARD,
    (State.HEARD, Signal.PROOF): State.READY,
    (State.HEARD, Signal.END): State.GONE,
    (State.READY, Signal.HELLO): State.HEARD,
    (State.READY, Signal.PROOF): State.READY,
    (State.READY, Signal.END): State.GONE,
}
"""Pairs that are missing have no effect."""


def step(state: State, signal: Signal) -> State:
    """The state after `signal`."""
    return TABLE.get((state, signal), state)


def negotiate(config: LinkConfig, hello: Hello) -> int | None:
    """The newest version that both ends speak, None without one."""
    version = min(config.newest_version, hello.newest)
    return version if version >= max(config.oldest_version, hello.oldest) else None


def render() -> str:
    """The table as the RFC prints it."""
    lines = ["| state | on | becomes |", "|---|---|---|"]
    for (state, signal), after in TABLE.items():
        lines.append(f"| {state.value} | {signal.value} | {after.value} |")
    return "\n".join(lines)
