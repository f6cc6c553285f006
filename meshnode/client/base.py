"""What publisher and player share: one session, opened whole or not at all.

Order matters at the end: the server is told first (DELETE), then the transport falls
silent, then the tasks that fed on it stop, and the HTTP connection goes last.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp

from meshnode.client.peer import ENDED, Peer
from meshnode.client.session import Signalling
from meshnode.client.statistics import Sample, Sampler
from meshnode.client.urls import is_loopback
from meshproto.errors import StateError


class Client(ABC):
    """A WHIP or WHEP session while the context is open.

    Entering raises `RejectedError` when the server refuses, `ConnectionError` when no
    media path comes about, `ValueError` for a useless answer, or the errors of aiohttp;
    everything is closed again then.  `patience_s` is how long to wait where the server
    asks to come back later, `on_wait` hears why.
    """

    def __init__(
        self,
        url: str,
        sampler: Sampler,
        *,
        bearer: str = "",
        patience_s: float = 0.0,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self._url = url
        self._sampler = sampler
        self._bearer = bearer
        self._patience_s = patience_s
        self._on_wait = on_wait
        self._stack = contextlib.AsyncExitStack()
        self._peer: Peer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    def _prepare(self, peer: Peer) -> None:
        """Add transceivers before the offer is made."""

    def _new_peer(self, loopback: bool) -> Peer:
        return Peer(loopback=loopback)

    async def _choose(self, http: aiohttp.ClientSession) -> str:
        """Where to ask first; publishers stay where they were told to go."""
        del http
        return self._url

    async def _stop_tasks(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            http = await stack.enter_async_context(aiohttp.ClientSession())
            signalling = Signalling(http, self._url, self._bearer)
            target = await self._choose(http)
            signalling.go_to(target)
            peer = self._new_peer(is_loopback(target) or is_loopback(self._url))
            stack.push_async_callback(self._stop_tasks)
            stack.push_async_callback(peer.close)
            stack.push_async_callback(signalling.close)
            self._prepare(peer)
            opened = await signalling.open(
                await peer.offer(), self._patience_s, self._on_wait
            )
            await peer.accept(opened.answer)
            self._peer = peer
            self._sampler.start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def ended(self) -> str:
        """Wait until the connection is over: "failed" or "closed"."""
        return await self._connected().until(ENDED)

    async def sample(self) -> Sample:
        """Figures since the last call, for people."""
        peer = self._connected()
        report = await peer.connection.getStats()
        trip = await peer.round_trip_s() if peer.state == "connected" else None
        return self._sampler.sample(peer.state, report.values(), trip)

    def _connected(self) -> Peer:
        if self._peer is None:
            raise StateError(f"enter the {type(self).__name__} before using it")
        return self._peer
