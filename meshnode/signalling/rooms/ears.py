"""A node's own ears in a room: sound of other nodes that it fetches to compare voices.

Who is among the loudest can be told by those only who hear everybody.  So a node with a
member that wants the loudest few hears all microphones of the room: one small stream
each for the whole node, however many members sit there.  It is a viewer of these
streams without any legs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshnode.signalling.members import Viewer
from meshnode.signalling.streams import Streams
from meshproto.errors import MeshError
from meshproto.ids import StreamName, TransportId

DOOR = "ears"
_NOWHERE = TransportId(0)


class Ears:
    """Of one room."""

    def __init__(self, streams: Streams, clock: Callable[[], float]) -> None:
        self._streams = streams
        self._clock = clock
        self._viewers: dict[StreamName, Viewer] = {}

    def listen(
        self, names: Iterable[StreamName], fetch: Callable[[StreamName], None]
    ) -> None:
        """Hear these streams, and no others; those that are not here are fetched."""
        wanted = frozenset(names)
        for name in [n for n in self._viewers if n not in wanted]:
            self._let_go(name)
        for name in wanted - self._viewers.keys():
            stream = self._streams.get(name)
            if stream is not None and stream.tracks and not stream.ended:
                self._hear(name)
            else:
                fetch(name)

    def _hear(self, name: StreamName) -> None:
        try:
            self._streams.audience(name, "")
        except MeshError:
            return  # a table is full; the room asks again
        viewer = self._viewers[name] = Viewer(
            self._streams.directory.new_number(),
            DOOR,
            name,
            _NOWHERE,
            lambda _reason: self._let_go(name),
            self._clock(),
        )
        self._streams.watch(viewer)
        self._streams.connected(viewer)

    def _let_go(self, name: StreamName) -> None:
        viewer = self._viewers.pop(name, None)
        if viewer is not None:
            self._streams.closed(viewer, "not listened to any more")
