"""Strangers shouting at the media port while clients connect (research: aiortc's own
stack fails 8 of 8 connections under each of these, browsers none)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator

import pytest

from meshnode.media.dtls import DtlsEndpoint
from meshnode.media.port import MediaPort
from support.light_client import IDENTITY, join
from support.media import consume, produce, rtp, stream, until

CONNECTIONS = 20
EVERY_S = 0.002


def client_hello() -> bytes:
    endpoint = DtlsEndpoint(
        "client", IDENTITY.context, (("sha-256", IDENTITY.fingerprint),)
    )
    endpoint.start(0)
    return endpoint.transmit()[0]


HELLO = client_hello()
NULL_HELLO = HELLO.replace(b"\xc0\x2b", b"\x00\x00")
ALERT = bytes.fromhex("15fefd0000000000000000000202" + "28")
GOODBYE = bytes.fromhex("15fefd0000000000000000000201" + "00")
KINDS = {
    "hello": [HELLO],
    "hello with a NULL cipher": [NULL_HELLO],
    "alert": [ALERT, GOODBYE],
    "rtp": [rtp(n, bytes(200)) for n in range(50)],
    "check": [bytes.fromhex("000100002112a442") + bytes(12)],
    "everything": [HELLO, NULL_HELLO, ALERT, GOODBYE, rtp(1, bytes(99)), b"\xff" * 99],
}


@contextlib.asynccontextmanager
async def shouting(port: MediaPort, datagrams: list[bytes]) -> AsyncIterator[None]:
    async def shout(sock: socket.socket) -> None:
        for datagram in itertools.cycle(datagrams):
            sock.sendto(datagram, port.addresses[0])
            await asyncio.sleep(EVERY_S)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        task = asyncio.create_task(shout(sock))
        try:
            yield
        finally:
            task.cancel()


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("role", ["client", "server"])
async def test_connections_complete_and_media_flows(port, kind: str, role: str) -> None:
    async with shouting(port, KINDS[kind]):
        first, publisher = await join(port, role=role)
        producer = produce(port, first)
        viewers = []
        for _ in range(CONNECTIONS - 1):
            transport, viewer = await join(port, role=role)
            consume(port, producer, transport)
            viewers.append(viewer)
        for packets in await stream(publisher, viewers, 10):
            assert len(packets) == 10
    assert len(port.clients) == CONNECTIONS
    for client in (publisher, *viewers):
        client.close()


async def test_a_client_s_own_garbage_hurts_nobody_else(port) -> None:
    """The same datagrams from a validated address: at most that client suffers."""
    first, publisher = await join(port)
    second, viewer = await join(port)
    third, vandal = await join(port)
    producer = produce(port, first)
    consume(port, producer, second)
    consume(port, producer, third)
    for datagram in itertools.chain(*KINDS.values()):
        vandal.send(datagram)
    (packets,) = await stream(publisher, [viewer], 20)
    assert len(packets) == 20
    await until(lambda: sum(port.plane.stats()["drops"].values()) >= 50)
    for client in (publisher, viewer, vandal):
        client.close()
