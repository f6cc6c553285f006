"""Choosing a node by the sum of two ways, with real STUN over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from meshnode.client.nearest import listed, nearest, round_trips
from meshproto.wire import stun, stun_binding

Listing = Callable[[object], Awaitable[str]]
OTHER = "http://192.0.2.1/whep/demo"


class Answering(asyncio.DatagramProtocol):
    """A STUN server that thinks for `delay_s`; 0.0: at once."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        request = stun.decode(data)
        answer = stun_binding.success(request, address[:2], fingerprint=True)
        loop = asyncio.get_running_loop()
        loop.call_later(self.delay_s, self.transport.sendto, answer, address)


@pytest.fixture
async def stun_at() -> AsyncIterator[Callable[[float], Awaitable[str]]]:
    transports = []

    async def start(delay_s: float) -> str:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Answering(delay_s), local_addr=("127.0.0.1", 0)
        )
        transports.append(transport)
        host, port = transport.get_extra_info("sockname")
        return f"{host}:{port}"

    yield start
    for transport in transports:
        transport.close()


@pytest.fixture
def listing(serve) -> Listing:
    async def start(answer: object) -> str:
        async def entries(request: web.Request) -> web.Response:
            assert request.path == "/api/entries"
            assert request.query["stream"] == "demo"
            return web.json_response(answer)

        return (await serve(entries)).replace("/whip/", "/whep/")

    return start


def row(whep: str, address: str, cost_ms: float, **more: object) -> dict[str, object]:
    return {"whep": whep, "stun": address, "cost_ms": cost_ms, "slots": 3, **more}


async def test_the_least_sum_wins_and_not_the_nearest(http, listing, stun_at) -> None:
    near, far = await stun_at(0.0), await stun_at(0.06)
    rows = [
        row("http://192.0.2.9/whep/demo", near, 900.0, here=True),
        row(OTHER, far, 10.0),
    ]
    url = await listing({"entries": rows})
    assert await nearest(http, url) == OTHER


async def test_who_is_asked_stays_unless_the_gain_is_worth_it(
    http, listing, stun_at
) -> None:
    address = await stun_at(0.0)
    rows = [row("http://a/whep/demo", address, 12.0, here=True), row(OTHER, address, 9)]
    url = await listing({"entries": rows})
    assert await nearest(http, url) == url


async def test_a_node_that_does_not_answer_is_not_chosen(
    http, listing, stun_at
) -> None:
    address = await stun_at(0.0)
    rows = [
        row("http://a/whep/demo", address, 900.0, here=True),
        row(OTHER, "127.0.0.1:9", 0.0),
    ]
    url = await listing({"entries": rows})
    assert await nearest(http, url) == url


async def test_a_full_node_is_left_out(http, listing) -> None:
    url = await listing({"entries": [row(OTHER, "127.0.0.1:9", 1, slots=0)]})
    assert await listed(http, url) == []


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"entries": {}},
        {"entries": [None, 3, "x"]},
        {"entries": [{"whep": 1, "stun": "127.0.0.1:1", "cost_ms": 1}]},
        {"entries": [{"whep": "file:///etc", "stun": "127.0.0.1:1", "cost_ms": 1}]},
        {"entries": [{"whep": OTHER, "stun": "127.0.0.1:0", "cost_ms": 1}]},
        {"entries": [{"whep": OTHER, "stun": "127.0.0.1:1", "cost_ms": -1}]},
        {"entries": [{"whep": OTHER, "stun": "127.0.0.1:1", "cost_ms": None}]},
    ],
)
async def test_a_list_that_makes_no_sense_names_nobody(http, listing, answer) -> None:
    assert await listed(http, await listing(answer)) == []


async def test_a_server_without_entries_is_used_as_it_is(http) -> None:
    url = "http://127.0.0.1:9/whep/demo"
    assert await nearest(http, url) == url


async def test_the_shortest_of_several_round_trips_counts(stun_at) -> None:
    host, _, port = (await stun_at(0.02)).rpartition(":")
    address = (host, int(port))
    trips = await round_trips([address, ("127.0.0.1", 9)])
    assert list(trips) == [address]
    assert trips[address] >= 0.02
