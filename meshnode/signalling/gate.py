"""What an operator allows, as the registry of streams asks it."""

from __future__ import annotations

from typing import Protocol

from meshnode.signalling.stream import Stream


class Gate(Protocol):
    """What an operator allows (`meshnode.node.volunteer`)."""

    def stream(self, name: str) -> None:
        """Raise `Refused` (403) for a stream this node has nothing to do with."""

    def viewer(self, stream: Stream | None) -> None:
        """Raise `LimitError` where one more viewer does not fit; None: any stream."""

    def pledge(self, stream: Stream) -> None:
        """One more viewer is in."""


class OpenGate:
    """Everything is allowed."""

    def stream(self, name: str) -> None:
        """Any."""

    def viewer(self, stream: Stream | None) -> None:
        """Any number."""

    def pledge(self, stream: Stream) -> None:
        """Nothing is counted."""
