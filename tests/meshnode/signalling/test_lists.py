"""The list of streams, for the page."""

from __future__ import annotations

import asyncio

from support.offers import publish_offer
from support.rtc import Publisher, Viewer
from support.sse import listening


async def test_an_idle_node_lists_nothing(client) -> None:
    answer = await client.ask("GET", "/api/streams")
    assert await answer.json() == []
    assert answer.headers["Cache-Control"] == "no-store"


async def test_what_can_be_watched_is_listed(client) -> None:
    async with (
        Publisher(f"{client.base}/whip/demo"),
        Viewer(f"{client.base}/whep/demo"),
    ):
        (entry,) = await (await client.ask("GET", "/api/streams")).json()
        assert entry["name"] == "demo"
        assert entry["state"] == "live"
        assert entry["codecs"] == ["VP8", "opus"]
        assert entry["viewers"] == 1
        assert entry["since_s"] >= 0
        assert set(entry) == {"name", "state", "codecs", "viewers", "since_s"}


async def test_changes_are_told(client) -> None:
    async with listening(client, "/api/events") as events:
        assert await events.next("streams") == []
        session = (await client.publish(publish_offer())).headers["Location"]
        (entry,) = await events.next("streams", 2)
        assert entry["name"] == "demo"
        await client.ask("DELETE", session)
        (entry,) = await events.next("streams", 3)
        assert entry["state"] == "lingering"


async def test_many_changes_at_once_are_told_together(client) -> None:
    async with listening(client, "/api/events") as events:
        await events.next("streams")
        offers = (client.publish(publish_offer(), f"s{number}") for number in range(20))
        await asyncio.gather(*offers)
        await client.ask("GET", "/api/streams")
        while len(events.of("streams")[-1]) < 20:
            await events.next("streams", len(events.of("streams")) + 1)
        assert len(events.of("streams")) < 20
