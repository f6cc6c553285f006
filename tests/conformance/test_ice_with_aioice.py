"""Our ICE-lite agent against aioice, a full agent written by others, over loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioice
import pytest

from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.lite import IceLite
from meshproto.ice.path import IceEvent, PathSelected
from meshproto.ice.server import StunServer
from meshproto.ids import TransportId
from meshproto.wire import stun
from meshproto.wire import stun_binding as binding
from meshproto.wire.demux import DatagramKind, classify

CLIENT = TransportId(1)
PWD = "p" * 24


class Port(asyncio.DatagramProtocol):
    """A media port that answers STUN and sends everything else back."""

    def __init__(self) -> None:
        self.agent = IceLite(StunServer(PrefixBucket(bytes(16))))
        self.events: list[IceEvent] = []
        self.replies: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if classify(data) is DatagramKind.STUN:
            reply, event = self.agent.receive(data, address, time.monotonic())
            if event is not None:
                self.events.append(event)
            if reply is not None:
                self.transport.sendto(reply, address)
                self.replies.put_nowait(reply)
        elif (remote := self.agent.by_address.get(address)) is not None:
            self.transport.sendto(data, remote.path.address)


@asynccontextmanager
async def port() -> AsyncIterator[tuple[Port, int]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        Port, local_addr=("127.0.0.1", 0)
    )
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def client(number: int, controlling: bool) -> aioice.Connection:
    connection = aioice.Connection(ice_controlling=controlling, use_ipv4=True)
    connection.remote_username, connection.remote_password = "ours", PWD
    connection.remote_is_lite = controlling
    await connection.gather_candidates()
    await connection.add_remote_candidate(
        aioice.Candidate("1", 1, "udp", 2_130_706_431, "127.0.0.1", number, "host")
    )
    await connection.add_remote_candidate(None)
    return connection


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "aioice.ice.get_host_addresses", lambda *_args, **_named: ["127.0.0.1"]
    )


@pytest.mark.parametrize("controlling", [True, False])
async def test_a_full_agent_connects_and_exchanges_data(controlling: bool) -> None:
    async with port() as (ours, number):
        theirs = await client(number, controlling)
        ours.agent.add(CLIENT, "ours", PWD, theirs.local_username)
        await asyncio.wait_for(theirs.connect(), 10)
        try:
            await theirs.send(b"\x80media")
            assert await asyncio.wait_for(theirs.recv(), 5) == b"\x80media"
        finally:
            await theirs.close()
        (selected,) = ours.events
        assert isinstance(selected, PathSelected)
        assert selected.address[0] == "127.0.0.1"
        if controlling:
            assert not ours.agent.refused
        else:
            # it was told to switch, and did
            assert set(ours.agent.refused) == {"ice-role"}


async def test_a_full_agent_with_a_wrong_password_gets_nothing_but_errors() -> None:
    async with port() as (ours, number):
        theirs = await client(number, controlling=True)
        ours.agent.add(CLIENT, "ours", "q" * 24, theirs.local_username)
        connecting = asyncio.create_task(theirs.connect())
        replies = [await asyncio.wait_for(ours.replies.get(), 5) for _ in range(3)]
        connecting.cancel()
        await theirs.close()
        codes = {binding.error_code(stun.decode(reply))[0] for reply in replies}
        assert codes == {binding.UNAUTHENTICATED}
        assert not ours.events
        assert set(ours.agent.refused) == {"ice-integrity"}
