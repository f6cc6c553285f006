"""One stream: its name, its publisher, its viewers, and what it tells them.

offer               connected
(nothing) -----------> CONNECTING ---------> LIVE
^                      |                  | publisher gone
|   nobody came back   v                  v
+------------------ LINGERING <-----------+
|                      | viewers with an open event stream
+------ ENDED <--------+
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from meshnode.signalling.layers import layers_event
from meshnode.signalling.members import (
    Member,
    MemberState,
    Publisher,
    SessionEvent,
    Track,
    Viewer,
)
from meshnode.signalling.problems import Refused
from meshproto.ids import StreamName

_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.~-]{1,128}")


class StreamState(Enum):
    """Life of a stream, see above."""

    CONNECTING = "connecting"
    LIVE = "live"
    LINGERING = "lingering"
    ENDED = "ended"


def stream_name(text: str) -> StreamName:
    """A valid stream name; raises `Refused` (400) for any other text."""
    if _NAME.fullmatch(text) is None:
        raise Refused(
            400, "a stream name is 1 to 128 characters of A-Z a-z 0-9 _ . ~ -"
        )
    return StreamName(text)


@dataclass(slots=True, eq=False)
class Stream:
    """One stream.  `tracks` outlive their publisher while the stream lingers."""

    name: StreamName
    began_s: float
    owner: str = ""
    publisher: Publisher | None = None
    successor: Publisher | None = None
    tracks: tuple[Track, ...] = ()
    viewers: dict[int, Viewer] = field(default_factory=dict)
    left_s: float = 0.0
    ended: bool = False

    @property
    def state(self) -> StreamState:
        """Where the stream is in its life."""
        if self.publisher is None:
            return StreamState.ENDED if self.ended else StreamState.LINGERING
        if self.publisher.state is MemberState.CONNECTED:
            return StreamState.LIVE
        return StreamState.CONNECTING

    def tell(self, type_: str, data: object) -> None:
        """One event to every viewer that listens."""
        for viewer in tuple(self.viewers.values()):
            viewer.feeds.publish(SessionEvent(type_, data))

    def tell_layers(self, viewer: Viewer) -> None:
        """The layers there are and the one it gets, if the viewer listens."""
        if len(viewer.feeds):
            event = layers_event(viewer, self.tracks)
            viewer.feeds.publish(SessionEvent("layers", event))

    def hand_on(self, member: Member, label: str, data: bytes | str) -> None:
        """A data-channel message: the publisher's goes to every viewer, a viewer's to
        the publisher alone.
        """
        if isinstance(member, Viewer):
            if self.publisher is not None:
                self.publisher.send(label, data)
        elif self.publisher is member:
            for viewer in tuple(self.viewers.values()):
                viewer.send(label, data)
