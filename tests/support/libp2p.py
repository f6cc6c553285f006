"""Libp2p hosts under test, strangers who misbehave, and py-libp2p as it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import trio

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p import multistream
from meshnode.control.libp2p.host import Libp2pHost
from meshnode.control.libp2p.multiaddress import Multiaddress, parse_multiaddress
from meshnode.control.libp2p.streams import Stream
from meshnode.control.libp2p.values import HostEvent, HostLimits
from meshnode.control.libp2p.wire import Wire

DEADLINE_S = 30.0
T = TypeVar("T")
E = TypeVar("E", bound=HostEvent)


class Watched:
    """A host and what it told."""

    def __init__(self, host: Libp2pHost) -> None:
        self.host = host
        self.node = host.node
        self.events: list[HostEvent] = []
        self._changed = asyncio.Event()
        host.on_event(self._heard)

    def _heard(self, event: HostEvent) -> None:
        self.events.append(event)
        self._changed.set()

    @property
    def place(self) -> Multiaddress:
        """Where it listens, without its id."""
        return parse_multiaddress(self.host.addresses[0].partition("/p2p/")[0])

    def all(self, kind: type[E]) -> list[E]:
        """The events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def seen(self, kind: type[E], times: int = 1) -> E:
        """Wait until there were so many events of a kind; the last of them."""
        await self.until(lambda: len(self.all(kind)) >= times, f"{times} {kind}")
        return self.all(kind)[times - 1]

    async def until(self, check: Callable[[], Any], what: str) -> None:
        """Wait until `check()` holds, looked at after each event and now and then."""
        end = time.monotonic() + DEADLINE_S
        while not check():
            if time.monotonic() > end:
                raise AssertionError(f"not within {DEADLINE_S} s: {what}")
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), 0.02)
            except TimeoutError:
                continue

    async def counted(self, name: str, at_least: int = 1) -> None:
        """Wait for a counter."""
        await self.until(
            lambda: self.host.stats()[name] >= at_least,
            f"{name}={at_least} in {self.host.stats()}",
        )

    async def connect(self, other: Watched) -> None:
        """Dial the other one, and wait until both have told."""
        await self.host.connect(other.host.addresses, other.node, 10)
        await self.until(lambda: other.node in self.host.peers, "connected")
        await other.until(lambda: self.node in other.host.peers, "connected")


@asynccontextmanager
async def hosts(
    number: int, *, limits: HostLimits | None = None, keys: Sequence[KeyPair] = ()
) -> AsyncIterator[list[Watched]]:
    """So many started hosts on loopback."""
    made = []
    for index in range(number):
        key = keys[index] if index < len(keys) else KeyPair.generate()
        host = Libp2pHost(key, ["127.0.0.1"], 0, limits=limits or HostLimits())
        made.append(Watched(host))
    try:
        for one in made:
            await one.host.start()
        yield made
    finally:
        for one in made:
            await one.host.close()


async def in_trio(job: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Run a trio job in a thread of its own, at most the deadline."""

    async def bounded() -> T:
        with trio.fail_after(DEADLINE_S):
            return await job(*arguments)

    return await asyncio.to_thread(trio.run, bounded)


async def eventually(check: Callable[[], Any], what: str) -> None:
    """Wait until `check()` holds; in asyncio."""
    end = time.monotonic() + DEADLINE_S
    while not check():
        if time.monotonic() > end:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        await asyncio.sleep(0.005)


async def eventually_in_trio(check: Callable[[], Any], what: str) -> None:
    """Wait until `check()` holds; in trio."""
    end = time.monotonic() + DEADLINE_S
    while not check():
        if time.monotonic() > end:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        await trio.sleep(0.005)


async def raw(place: Multiaddress) -> trio.SocketStream:
    """A bare TCP connection to a host."""
    return await trio.open_tcp_stream(place.host, place.port)


class Stranger:
    """An authenticated peer made of our own parts, to do with what is not done."""

    def __init__(self, place: Multiaddress, keys: KeyPair | None = None) -> None:
        self.keys = keys or KeyPair.generate()
        self._place = place
        self.muxer: Any = None
        self.wire: Any = None

    @asynccontextmanager
    async def there(self) -> AsyncIterator[Stranger]:
        """Connected, and reading."""
        from meshnode.control.libp2p.upgrade import Upgrader

        self.wire = Wire(await raw(self._place), is_initiator=True, write_s=20)
        _, self.muxer = await Upgrader(self.keys).upgrade(self.wire, None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.muxer.start)
            await self.muxer.event_started.wait()
            nursery.start_soon(self._listen)
            yield self
            nursery.cancel_scope.cancel()
        self.wire.abort()

    async def _listen(self) -> None:
        """Agree to gossip, so that the other side believes in our interest."""
        with suppress(Exception):
            while True:
                stream = Stream(await self.muxer.accept_stream(), stall_s=20)
                await multistream.answer(stream, ["/meshsub/1.1.0"])

    async def stream(self) -> Stream:
        """A stream on which nothing was agreed."""
        return Stream(await self.muxer.open_stream(), stall_s=20)

    async def gone(self) -> None:
        """Wait until the other side ended the connection."""
        await self.muxer.event_closed.wait()
