"""What happens at a node, as typed events: for embedders, the log and the page.

Rare facts about streams and sessions, never packets.  Sessions appear by their number;
their URLs are capabilities and stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.ids import StreamName


@dataclass(frozen=True, slots=True)
class PublisherJoined:
    """A publisher's offer was accepted; media may follow."""

    stream: StreamName
    session: int
    door: str


@dataclass(frozen=True, slots=True)
class StreamLive:
    """The stream's publisher is connected (again)."""

    stream: StreamName
    session: int


@dataclass(frozen=True, slots=True)
class PublisherLeft:
    """The publisher is gone; the stream lingers for a moment."""

    stream: StreamName
    session: int
    reason: str


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """Nobody came back in time: the stream is over."""

    stream: StreamName


@dataclass(frozen=True, slots=True)
class ViewerJoined:
    """A viewer's offer was accepted; `viewers` counts it."""

    stream: StreamName
    session: int
    viewers: int


@dataclass(frozen=True, slots=True)
class ViewerLeft:
    """A viewer is gone; `viewers` are left."""

    stream: StreamName
    session: int
    viewers: int
    reason: str


@dataclass(frozen=True, slots=True)
class LayersChanged:
    """The first packets of a layer of the stream arrived."""

    stream: StreamName


@dataclass(frozen=True, slots=True)
class Draining:
    """The node takes no new sessions and moves its viewers away."""


Happening = (
    PublisherJoined
    | StreamLive
    | PublisherLeft
    | StreamEnded
    | ViewerJoined
    | ViewerLeft
    | LayersChanged
    | Draining
)
"""Any of them."""
