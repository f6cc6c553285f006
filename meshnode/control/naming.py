"""Waiting for the names of the nodes above: a trace names hops that are no neighbours.

The brain asks up the tree and says by `PathNamed` when it knows (RFC 0011 section 4.5).
Whoever looks at a trace waits a moment for that, and then sees what there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshproto.distribution.events import PathNamed
from meshproto.events import Event
from meshproto.ids import StreamId

NAMES_S = 2.0
"""The question climbs to the origin and comes back: a round trip over 24 hops."""
READERS_MAX = 64
"""More than look at one admin address at a time; those above see what is known."""


class Naming:
    """Readers that wait, by stream."""

    def __init__(self, ask: Callable[[StreamId], object]) -> None:
        """`ask(stream)` has the brain ask."""
        self._ask = ask
        self._readers: dict[asyncio.Event, StreamId] = {}

    async def learn(self, stream: StreamId, known: Callable[[], bool]) -> None:
        """Return when the names are `known`, or cannot be soon."""
        if known() or len(self._readers) >= READERS_MAX:
            return
        told = asyncio.Event()
        self._readers[told] = stream
        try:
            self._ask(stream)
            if not known():
                async with asyncio.timeout(NAMES_S):
                    await told.wait()
        except TimeoutError:
            pass
        finally:
            del self._readers[told]

    def happened(self, event: Event) -> None:
        """Wake who waits for these names."""
        if isinstance(event, PathNamed):
            for told, stream in self._readers.items():
                if stream == event.stream:
                    told.set()
