"""The streams of the mesh as this node calls them: own ones, and those it hears of.

Between the brain's directory, which knows streams by claim key, and people, who know
them by name.
"""

from __future__ import annotations

from collections.abc import Callable

from meshnode.control.changes import (
    StreamChange,
    StreamSeen,
    StreamSilent,
    StreamTaken,
    StreamUnseen,
)
from meshnode.control.driver import Driver
from meshnode.control.names import Names
from meshnode.control.publications import Publications
from meshproto.distribution.events import StreamEnded
from meshproto.errors import MeshError
from meshproto.events import Event
from meshproto.gossip import directory_events as news
from meshproto.ids import StreamId, StreamName
from meshproto.wire.control.directory import Media


class Streams:
    """All of them; `secret` is what claims of this node itself are derived from."""

    def __init__(
        self, driver: Driver, secret: bytes, wall_ms: Callable[[], int]
    ) -> None:
        self.names = Names()
        self.own = Publications(driver, secret, wall_ms)
        self._directory = driver.node.directory
        self._handler: Callable[[StreamChange], None] = lambda _: None

    def on_change(self, handler: Callable[[StreamChange], None]) -> None:
        """Set who hears of changes."""
        self._handler = handler

    def publish(
        self,
        name: StreamName,
        media: Media,
        rates_bps: tuple[int, ...],
        secret: bytes | None,
    ) -> StreamId:
        """See `Control.publish`."""
        stream, before = self.own.stream(name, secret), self.names.find(name)
        self.names.learn(stream, name, own=True)
        try:
            self.own.publish(name, media, rates_bps, secret)
        except MeshError:
            self._drop_untold(stream)
            raise
        if before is not None and before != stream:
            self._tell(before)  # it has another name here by now
        return stream

    def unpublish(self, stream: StreamId) -> None:
        """See `Control.unpublish`."""
        self.own.unpublish(stream)
        self._drop_untold(stream)

    def _drop_untold(self, stream: StreamId) -> None:
        """What nobody was told of has no end that could be heard."""
        if self._directory.resolve(stream) is None:
            self._gone(stream)

    def find(self, called: str) -> StreamSeen | None:
        """The stream that is called so here, None while nobody has it."""
        stream = self.names.find(called)
        return None if stream is None else self.known(stream)

    def known(self, stream: StreamId) -> StreamSeen | None:
        """What is known of a stream, None while nobody has it."""
        origin = self._directory.resolve(stream)
        media, name = self._directory.media(stream), self.names.called(stream)
        if origin is None or media is None or name is None:
            return None
        return StreamSeen(stream, name, origin, media)

    def happened(self, event: Event) -> None:
        """Something of the directory happened in the brain."""
        match event:
            case news.StreamFound(stream, name):
                self.names.learn(stream, name)
                self._tell(stream)
            case news.StreamMoved(stream) | news.StreamChanged(stream):
                self._tell(stream)
            case news.StreamGone(stream):
                self._gone(stream)
            case news.ClaimLost(stream, origin):
                called = self.names.called(stream) or StreamName("")
                self.own.lost(stream)
                self._handler(StreamTaken(stream, called, origin))
            case StreamEnded(stream):
                self._handler(StreamSilent(stream))
            case _:
                pass

    def _tell(self, stream: StreamId) -> None:
        seen = self.known(stream)
        if seen is not None:
            self._handler(seen)

    def _gone(self, stream: StreamId) -> None:
        called, name = self.names.called(stream), self.names.name(stream)
        self.names.forget(stream)
        if called is None or name is None:
            return
        self._handler(StreamUnseen(stream, called))
        heir = self.names.find(name)
        if called == name and heir is not None:
            self._tell(heir)  # it inherits the name
