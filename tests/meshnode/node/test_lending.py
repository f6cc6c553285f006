"""Limits, lists and doors of whole nodes that are linked for real."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from meshnode import MeshNode, Settings
from meshnode.control.identity import KEY_NAME, load_keys
from meshnode.node.month import FILE_NAME
from meshnode.signalling.problems import Refused
from meshproto.wire import peer_id
from support.control_world import until
from support.mesh_nodes import (
    Start,
    bring,
    knows,
    mesh,
    mesh_nodes,
    ready,
    source,
    with_door,
)
from support.offers import play_offer

SDP = {"Content-Type": "application/sdp"}
CAP_BPS = 1_000_000
WINDOW_S, SAMPLE_S = 10.0, 0.1


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def enters(node: MeshNode, stream: str) -> bool:
    """Whether the node knows of another one that lets viewers of the stream in."""
    control = node._control
    assert control is not None
    return knows(node, stream) and bool(control.report.entrances(stream))


def sent(node: MeshNode) -> int:
    return node._parts.port.plane.sent()[0]


async def most_in_a_window(node: MeshNode, seconds: float) -> int:
    """The most octets that left in any ten seconds of the next ones."""
    clock = asyncio.get_running_loop().time
    samples: deque[tuple[float, int]] = deque([(clock(), sent(node))])
    end_s, most = clock() + seconds, 0
    while clock() < end_s:
        await asyncio.sleep(SAMPLE_S)
        samples.append((clock(), sent(node)))
        while samples[0][0] < samples[-1][0] - WINDOW_S:  # a busy machine sleeps longer
            samples.popleft()
        most = max(most, samples[-1][1] - samples[0][1])
    return most


@pytest.mark.long
async def test_a_relay_never_sends_more_than_its_limit(start: Start) -> None:
    first = await start(max_upload=str(CAP_BPS))
    second = await start(first)
    async with source(first) as packets:
        await until(lambda: knows(second, "cam"), "the stream is known")
        await bring(second)
        with second.subscribe("cam"):
            await until(lambda: mesh(first).trees[0].children, "a copy leaves")
            # four times what the line takes: the brain promised for what was before
            packets.count, packets.size = 10, 1000
            most = await most_in_a_window(first, 12.0)
    assert most < 1.05 * CAP_BPS / 8 * WINDOW_S
    assert first.status().counters["uplink_held_packets"] > 0


async def test_a_denied_stream_is_not_fetched_until_the_list_allows_it(
    start: Start, tmp_path: Path
) -> None:
    deny = tmp_path / "deny"
    deny.write_text("stream cam\n")
    first = await start()
    second = await start(first, deny=deny)
    async with source(first):
        await until(lambda: knows(second, "cam"), "the stream is known")
        with pytest.raises(Refused, match="does not carry cam"):
            await second.bring("cam")
        deny.write_text("# nothing\n")
        second.reload_lists()
        await bring(second)
        assert second.subscribe("cam")


async def test_a_stream_that_becomes_denied_ends_here(
    start: Start, tmp_path: Path
) -> None:
    deny = tmp_path / "deny"
    deny.write_text("")
    node = await start(deny=deny)
    async with source(node):
        assert [stream.name for stream in node.streams()] == ["cam"]
        deny.write_text("stream cam\n")
        node.reload_lists()
        assert not node.streams()


async def test_a_node_that_becomes_denied_loses_its_link(
    start: Start, tmp_path: Path
) -> None:
    deny = tmp_path / "deny"
    deny.write_text("")
    first = await start(deny=deny)
    second = await start(first)
    await until(lambda: ready(first) == ready(second) == 1, "a link")
    deny.write_text(f"node {mesh(second).node}\n")
    first.reload_lists()
    await until(lambda: not ready(first) and not ready(second), "the link is gone")


async def test_a_denied_node_gets_no_link(start: Start, tmp_path: Path) -> None:
    stranger = peer_id.to_text(load_keys(tmp_path / KEY_NAME).node)
    deny = tmp_path / "deny"
    deny.write_text(f"node {stranger}\n")
    first = await start(deny=deny)
    second = await start(first, data=tmp_path)
    assert mesh(second).node == stranger

    def refused() -> bool:
        return any(
            "failed-denied" in mesh(n).counters["dials"] for n in (first, second)
        )

    await until(refused, "one of the two asked for a link")
    assert not ready(first)


async def test_entries_name_both_nodes_and_what_each_costs(
    start: Start, http: aiohttp.ClientSession
) -> None:
    first = await start(**with_door())
    second = await start(first, **with_door())
    async with source(first):
        await until(lambda: enters(second, "cam"), "the way in is known")
        asked = f"{second.urls['local']}api/entries?stream=cam"
        async with http.get(asked) as answer:
            told = await answer.json()
    own, other = told["entries"]
    assert own["here"]
    assert other["whep"] == f"{first.urls['whep']}cam"
    assert (other["node"], other["cost_ms"]) == (mesh(first).node, 0.0)
    host, port = first.addresses[0]
    assert other["stun"] == f"{host}:{port}"


async def test_a_full_node_sends_a_viewer_to_one_that_takes_it(
    start: Start, http: aiohttp.ClientSession
) -> None:
    first = await start(**with_door())
    second = await start(first, max_viewers=0, **with_door())
    async with source(first):
        await until(lambda: enters(second, "cam"), "the way in is known")
        door = f"{second.urls['local']}whep/cam"
        asked = {"data": play_offer(), "headers": SDP, "allow_redirects": False}
        async with http.post(door, **asked) as answer:
            assert answer.status == 307
            onward = answer.headers["Location"]
        assert onward.startswith(f"{first.urls['whep']}cam?pass=")
        async with http.post(onward, **asked) as answer:
            assert answer.status == 201
            assert urlsplit(answer.headers["Location"]).path.startswith("/whep/cam/")


async def test_a_node_that_drains_names_another_to_its_viewers(
    start: Start, http: aiohttp.ClientSession
) -> None:
    first = await start(**with_door())
    second = await start(first, **with_door())
    async with source(first):
        await until(lambda: enters(second, "cam"), "the way in is known")
        base = second.urls["local"].rstrip("/")
        door = f"{base}/whep/cam"
        async with http.post(door, data=play_offer(), headers=SDP) as answer:
            assert answer.status == 201
            session = answer.headers["Location"]
        async with http.get(f"{base}{session}/events") as events:
            await anext(aiter(events.content))
            second.start_draining()
            told = await _event(events, "reconnect")
    assert told["url"].startswith(f"{first.urls['whep']}cam?pass=")


async def _event(events: aiohttp.ClientResponse, wanted: str) -> dict[str, str]:
    async with asyncio.timeout(30):
        seen = ""
        async for line in events.content:
            text = line.decode().strip()
            if text.startswith("event: "):
                seen = text.removeprefix("event: ")
            elif text.startswith("data: ") and seen == wanted:
                found: dict[str, str] = json.loads(text.removeprefix("data: "))
                return found
    raise AssertionError(f"no event {wanted}")


async def test_the_status_lists_limits_and_what_is_carried(start: Start) -> None:
    first = await start(max_relays=3)
    second = await start(first)
    async with source(first):
        await until(lambda: knows(second, "cam"), "the stream is known")
        await bring(second)
        with second.subscribe("cam"):

            def carried() -> list[tuple[str, int]]:
                lent = first.status().volunteer
                return [(each.name, each.copies) for each in lent.carrying]

            await until(lambda: carried() == [("cam", 1)], "a copy is listed")
            assert first.status().volunteer.max_relays == 3


async def test_the_upload_of_the_month_is_kept_over_a_restart(tmp_path: Path) -> None:
    settings = Settings(port=0, http="127.0.0.1:0", admin="127.0.0.1:0", data=tmp_path)
    async with MeshNode(settings) as node:
        node._volunteer.tick(5_000, 0, 0.0, 0.0)
    assert json.loads((tmp_path / FILE_NAME).read_text())["octets"] == 5_000
    async with MeshNode(settings) as node:
        assert node.status().volunteer.month_octets == 5_000
