"""Several addresses of one node: how long each is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.libp2p import Watched, hosts

BUSY_S = 0.6
"""More than the pause between two addresses, less than the patience with one."""


class Door:
    """A TCP address in front of a host; without one it takes calls and says nothing."""

    def __init__(self, behind: Watched | None) -> None:
        self.calls = 0
        self.address = ""
        self._behind = behind

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Door]:
        server = await asyncio.start_server(self._called, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.address = f"/ip4/127.0.0.1/tcp/{port}"
        async with server:
            yield self

    async def _called(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.calls += 1
        if self._behind is None:
            await reader.read()
            return
        # the time that a busy node takes before it says anything
        await asyncio.sleep(BUSY_S)
        place = self._behind.place
        inner, outer = await asyncio.open_connection(place.host, place.port)
        await asyncio.gather(_copy(reader, outer), _copy(inner, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(65_536):
        writer.write(octets)
    writer.close()


async def test_a_node_that_is_slow_to_greet_is_not_dialled_twice() -> None:
    async with hosts(2) as (a, b), Door(b).open() as slow, Door(b).open() as other:
        addresses = [slow.address, other.address]
        assert await a.host.connect(addresses, b.node, 20) == b.node
        assert (slow.calls, other.calls) == (1, 0)
        await a.host.close()


async def test_an_address_that_never_greets_does_not_hide_the_next_one() -> None:
    async with hosts(2) as (a, b), Door(None).open() as mute:
        addresses = [mute.address, str(b.place)]
        assert await a.host.connect(addresses, b.node, 20) == b.node
        assert mute.calls == 1
