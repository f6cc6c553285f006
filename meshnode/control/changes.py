"""What `Control` tells whoever joins it to local streams."""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.ids import NodeId, StreamId, StreamName
from meshproto.wire.control.directory import Media


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """A stream can be had at `origin`: found, moved there, or with other tracks.

    `name` is what it is called here.
    """

    stream: StreamId
    name: StreamName
    origin: NodeId
    media: Media


@dataclass(frozen=True, slots=True)
class StreamUnseen:
    """A stream cannot be had any more."""

    stream: StreamId
    name: StreamName


@dataclass(frozen=True, slots=True)
class StreamTaken:
    """A stream that was published here is published at `origin` from now on, by the
    same key: the local publisher is to go.
    """

    stream: StreamId
    name: StreamName
    origin: NodeId


@dataclass(frozen=True, slots=True)
class StreamSilent:
    """Packets of a watched stream stopped and did not come back within the linger,
    whatever the directory says: its origin may have died.
    """

    stream: StreamId


StreamChange = StreamSeen | StreamUnseen | StreamTaken | StreamSilent
"""Any of them."""
