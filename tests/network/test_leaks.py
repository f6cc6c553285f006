"""Five hundred come and go, politely and otherwise, and the node is as before.

Light clients and real ones of aiortc join a running stream through the doors, some of
them publish one of their own, many listen to events.  They leave in every way there is:
by DELETE, by closing the DTLS association, or not at all, so that the node has to find
out (15 s for who never connected, 30 s of consent for the others).

Memory is compared after two equal rushes of a hundred: the allocator keeps what the
largest crowd at one time needed, whoever came how often.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest

from bench.doors import offer
from bench.node_run import bench_node
from meshproto.wire.sdp.parse import parse
from support.light_client import LightClient, Remote
from support.node import KEY, RunningNode, eventually
from support.rtc import Viewer
from tests.network.aiortc_pairs import Publisher

RUSH = 100
JOINS = 500
AT_ONCE = 10
RSS_GROWTH_MAX_BYTES = 5_000_000
RSS_SETTLES_S = 8.0
FREED_DEADLINE_S = 60.0
STREAM = "bench"
ESTABLISHED, CLOSE_WAIT = 1, 8


class Guest:
    """A light client's visit to one node."""

    def __init__(self, node: RunningNode, number: int) -> None:
        self.node = node
        self.number = number
        self.http = aiohttp.ClientSession()
        self.session = ""
        self.client: LightClient | None = None

    async def post(self, url: str, direction: str) -> tuple[str, str]:
        """Open a session; the answer and our ICE user fragment."""
        ufrag = secrets.token_hex(4)
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {KEY}"}
        body = offer(ufrag, direction)
        async with self.http.post(url, data=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 201, text
            self.session = urljoin(url, answer.headers["Location"])
        return text, ufrag

    async def join(self, url: str = "", direction: str = "recvonly") -> None:
        """Connect, by default as a viewer of the stream that runs."""
        text, ufrag = await self.post(url or self.node.whep(STREAM), direction)
        media = parse(text).media[0]
        candidate = media.candidates[0]
        remote = Remote(media.ice_ufrag, media.ice_pwd, media.fingerprints[0].value)
        address = candidate.address, candidate.port
        self.client = LightClient(address, remote, ufrag=ufrag, decrypt_every=0)
        await self.client.connect()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[aiohttp.ClientResponse]:
        """Subscribe to events and have heard the first."""
        events = f"{self.session}/events"
        async with self.http.post(events, json=["viewercount"]) as answer:
            assert answer.status == 201
            url = urljoin(events, answer.headers["Location"])
        async with self.http.get(url) as stream:
            assert await stream.content.readline() == b"event: viewercount\n"
            yield stream

    async def delete(self) -> None:
        """Leave as a well-behaved client does."""
        async with self.http.delete(self.session) as answer:
            assert answer.status == 200

    async def close(self, *, quietly: bool) -> None:
        """Put everything away; `quietly` so that the node does not hear of it."""
        if self.client is not None:
            self.client.close(quietly=quietly)
        await self.http.close()


async def polite(guest: Guest) -> None:
    await guest.join()
    await guest.delete()
    await guest.close(quietly=False)


async def polite_listener(guest: Guest) -> None:
    await guest.join()
    async with guest.listening() as stream:
        await guest.delete()
        await asyncio.wait_for(stream.read(), 5)
    await guest.close(quietly=False)


async def goodbye_only(guest: Guest) -> None:
    await guest.join()
    async with guest.listening():
        pass
    await guest.close(quietly=False)


async def vanishing(guest: Guest) -> None:
    await guest.join()
    await guest.close(quietly=True)


async def vanishing_listener(guest: Guest) -> None:
    await guest.join()
    async with guest.listening():
        await guest.close(quietly=True)


async def never_there(guest: Guest) -> None:
    await guest.post(guest.node.whep(STREAM), "recvonly")
    await guest.close(quietly=True)


async def publisher(guest: Guest) -> None:
    await guest.join(guest.node.whip(f"own-{guest.number}"), "sendonly")
    await guest.delete()
    await guest.close(quietly=False)


async def vanishing_publisher(guest: Guest) -> None:
    await guest.join(guest.node.whip(f"own-{guest.number}"), "sendonly")
    await guest.close(quietly=True)


async def aiortc_viewer(guest: Guest) -> None:
    await guest.close(quietly=True)
    async with Viewer(guest.node.whep(STREAM), "video") as viewer:
        await viewer.sees(1)


async def vanishing_aiortc_viewer(guest: Guest) -> None:
    await guest.close(quietly=True)
    viewer = Viewer(guest.node.whep(STREAM), "video")
    await viewer.open()
    await viewer.sees(1)
    await viewer.vanish()
    viewer.location = ""
    with contextlib.suppress(Exception):  # its sockets are gone
        await viewer.pc.close()


Way = Callable[[Guest], Awaitable[None]]
NOTICED: tuple[Way, ...] = (
    polite,
    polite_listener,
    goodbye_only,
    publisher,
    aiortc_viewer,
)
FOUND_OUT: tuple[Way, ...] = (
    vanishing,
    vanishing_listener,
    never_there,
    vanishing_publisher,
    vanishing_aiortc_viewer,
)


def descriptors(node: RunningNode) -> int:
    return len(list(Path(f"/proc/{node.process.pid}/fd").iterdir()))


def figures(node: RunningNode) -> dict[str, float]:
    """What must be as before: open things of every kind."""
    status = node.status()
    gauges: dict[str, float] = status["gauges"]
    kept = (
        "transports",
        "sessions",
        "producers",
        "consumers",
        "event_streams",
        "tasks",
    )
    found = {name: gauges[name] for name in kept}
    return found | {"streams": len(status["streams"]), "files": descriptors(node)}


async def come_and_go(node: RunningNode, numbers: range, ways: tuple[Way, ...]) -> None:
    """That many visits, a few at once, every way of leaving in turn."""
    for first in numbers[::AT_ONCE]:
        guests = [Guest(node, number) for number in range(first, first + AT_ONCE)]
        visits = [ways[guest.number % len(ways)](guest) for guest in guests]
        await asyncio.gather(*visits)


async def as_before(node: RunningNode, before: dict[str, float]) -> None:
    """Wait until everything is freed, or fail telling what is not."""
    seen: dict[str, float] = {}

    async def same() -> bool:
        seen.update(await asyncio.to_thread(figures, node))
        return seen == before

    try:
        await eventually(same, FREED_DEADLINE_S, "all freed")
    except AssertionError:
        assert seen == before


async def settled_rss(node: RunningNode) -> int:
    """The least in a while: freed memory goes back a few seconds later."""
    seen = []
    loop = asyncio.get_running_loop()
    end = loop.time() + RSS_SETTLES_S  # the duration of the measurement itself
    while loop.time() < end:
        seen.append(node.rss_bytes())
        await asyncio.sleep(0.1)
    return min(seen)


async def running_stream(node: RunningNode) -> Publisher:
    """A publisher that is there all the time, and holds no HTTP connection."""
    await no_connections(node)
    stream = Publisher(node.whip(STREAM), KEY)
    await stream.open()
    stream.location = ""  # it leaves by closing its DTLS association
    await stream._http.close()
    await no_connections(node)
    return stream


async def no_connections(node: RunningNode) -> None:
    """Wait until nobody holds an HTTP connection to the node."""

    async def none() -> bool:
        return connections(node) == 0

    await eventually(none, 5, "HTTP connections closed")


def connections(node: RunningNode) -> int:
    """How many TCP connections the node has accepted and not closed."""
    ports = {int(url.rpartition(":")[2]) for url in (node.url, node.admin)}
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [row.split() for row in rows]
    states = [int(f[3], 16) for f in fields if int(f[1].split(":")[1], 16) in ports]
    return sum(state in (ESTABLISHED, CLOSE_WAIT) for state in states)


@pytest.mark.timeout(400)
async def test_five_hundred_joins_and_leaves_leave_nothing() -> None:
    async with bench_node() as bench:
        node = bench.node
        stream = await running_stream(node)
        before = await asyncio.to_thread(figures, node)
        await come_and_go(node, range(RUSH), NOTICED + FOUND_OUT)
        await as_before(node, before)
        first = await settled_rss(node)
        await come_and_go(node, range(RUSH, JOINS - RUSH), NOTICED)
        await come_and_go(node, range(JOINS - RUSH, JOINS), NOTICED + FOUND_OUT)
        await as_before(node, before)
        growth = await settled_rss(node) - first
        print(f"{before}; RSS {first} after {RUSH}, grew by {growth} until {JOINS}")
        await stream.close()
    assert growth < RSS_GROWTH_MAX_BYTES
