"""Every table is bounded; a full one refuses and names its limit."""

from __future__ import annotations

import pytest

from support.offers import offer, play_offer, publish_offer


async def refused(answer, status: int, limit: str, maximum: int) -> None:
    assert answer.status == status
    told = await answer.json(content_type=None)
    assert (told["limit"], told["maximum"]) == (limit, maximum)
    assert f"{limit}={maximum}" in told["detail"]
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1


async def test_streams(start) -> None:
    client = await start({"streams": 1})
    first = await client.publish(publish_offer(), "one")
    assert first.status == 201
    await refused(await client.publish(publish_offer(), "two"), 503, "streams", 1)


async def test_viewers_per_stream(start) -> None:
    client = await start({"viewers_per_stream": 2})
    await client.publish(publish_offer())
    viewers = [await client.play(play_offer()) for _ in range(2)]
    answer = await client.play(play_offer())
    await refused(answer, 503, "viewers_per_stream", 2)
    await client.ask("DELETE", viewers[0].headers["Location"])
    assert (await client.play(play_offer())).status == 201


async def test_sessions_per_address(start) -> None:
    client = await start({"sessions_per_address": 2}, trusted_proxy="127.0.0.1")
    await client.publish(publish_offer())
    near = {"X-Forwarded-For": "2001:db8::1"}
    same_64 = {"X-Forwarded-For": "2001:db8::2"}
    other = {"X-Forwarded-For": "2001:db8:0:1::1"}
    for headers in (near, same_64):
        assert (await client.play(play_offer(), **headers)).status == 201
    answer = await client.play(play_offer(), **near)
    await refused(answer, 503, "sessions_per_address", 2)
    assert (await client.play(play_offer(), **other)).status == 201


async def test_tracks_per_client(start) -> None:
    client = await start({"tracks_per_client": 2})
    await client.publish(publish_offer())
    three = offer("recvonly", ("video", "audio", "audio"))
    answer = await client.play(three)
    await refused(answer, 422, "tracks_per_client", 2)


async def test_sdp_bytes(start) -> None:
    client = await start({"sdp_bytes": 1024})
    await refused(await client.publish(publish_offer() * 2), 413, "sdp_bytes", 1024)


async def test_offers_of_ours_that_wait(client, monkeypatch) -> None:
    monkeypatch.setattr("meshnode.signalling.sessions.PENDING_MAX", 2)
    await client.publish(publish_offer())
    for _ in range(2):
        assert (await client.play("")).status == 406
    await refused(await client.play(""), 503, "pending_offers", 2)


async def test_limits_in_force_are_in_the_status(start) -> None:
    client = await start({"streams": 7})
    told = await (await client.ask("GET", f"{client.admin}/status")).json()
    assert told["limits"]["streams"] == 7


@pytest.mark.timeout(300)
async def test_hundreds_of_joins_and_leaves_leave_nothing(start) -> None:
    client = await start({"requests_per_minute": 100_000})
    await client.publish(publish_offer())
    for _ in range(100):
        answers = [await client.play(play_offer()) for _ in range(3)]
        for answer in answers:
            await client.ask("DELETE", answer.headers["Location"])
    gauges = client.node.status().gauges
    assert gauges["transports"] == 1
    assert gauges["sessions"] == 1
    assert gauges["consumers"] == 0
    assert len(client.node._parts.streams.directory) == 1
