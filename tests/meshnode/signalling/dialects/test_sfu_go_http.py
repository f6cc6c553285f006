"""Rooms over REST, and health: the same rooms under the same ids by every door."""

from __future__ import annotations

import json
from typing import Any

from support.dialects.sfu_go import SfuGoClient
from support.doors import problem


async def _json(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await answer.text())
    return found


async def test_a_room_is_the_same_by_socket_and_by_rest(client) -> None:
    answer = await client.ask("POST", "/api/rooms", json={"name": "green"})
    assert answer.status == 200
    made = await _json(answer)
    assert (made["id"], made["state"], made["peerCount"]) == ("green", "inactive", 0)
    async with SfuGoClient(client.base, "ann") as ann:
        await ann.join("green", media=False)
        one = await _json(await client.ask("GET", "/api/rooms/green"))
        assert (one["state"], one["peerCount"]) == ("active", 1)
        await ann.send("leave")
        async with SfuGoClient(client.base, "ben") as ben:
            await ben.join("blue", media=False)
            listed = await _json(await client.ask("GET", "/api/rooms"))
            assert listed["total"] == 2
            assert {room["id"] for room in listed["rooms"]} == {"green", "blue"}
            assert (await client.ask("DELETE", "/api/rooms/blue")).status == 204
            assert (await ben.expect("removed"))["reason"] == "the room was closed"
    await problem(await client.ask("GET", "/api/rooms/blue"), 404)
    await problem(await client.ask("DELETE", "/api/rooms/blue"), 404)


async def test_a_name_that_is_no_id_gets_one(client) -> None:
    made = await _json(
        await client.ask("POST", "/api/rooms", json={"name": "Our room"})
    )
    assert made["name"] == "Our room"
    again = await _json(await client.ask("GET", f"/api/rooms/{made['id']}"))
    assert again["id"] == made["id"]


async def test_bad_requests(client) -> None:
    for body in ("{", "[]", '{"name": 1}', '{"name": "a", "maxPeers": 1000}'):
        await problem(await client.ask("POST", "/api/rooms", data=body), 400)
    assert (await client.ask("POST", "/api/rooms", json={"name": "a"})).status == 200
    await problem(await client.ask("POST", "/api/rooms", json={"name": "a"}), 409)
    await problem(await client.ask("PUT", "/api/rooms"), 405)


async def test_closing_a_room_takes_a_right_where_there_is_a_key(start) -> None:
    client = await start(publish_key="s3cret")
    bearer = {"Authorization": "Bearer s3cret"}
    await problem(await client.ask("POST", "/api/rooms", json={"name": "a"}), 401)
    made = await client.ask("POST", "/api/rooms", json={"name": "a"}, headers=bearer)
    assert made.status == 200
    await problem(await client.ask("DELETE", "/api/rooms/a"), 403)
    async with SfuGoClient(client.base, "ann") as ann:
        await ann.send("join", {"roomId": "a", "userId": "ann"})
        assert (await ann.expect("error"))["code"] == 400
        await ann.join("a", media=False, token="s3cret")
    gone = await client.ask("DELETE", "/api/rooms/a", headers=bearer)
    assert gone.status == 204


async def test_health_and_cors(client) -> None:
    answer = await client.ask("GET", "/health")
    found = await _json(answer)
    assert found["status"] == "healthy"
    assert (found["redis"], found["rooms"], found["peers"]) == ("disabled", 0, 0)
    assert found["instanceId"]
    assert found["timestamp"].endswith("Z")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert (await client.ask("OPTIONS", "/api/rooms")).status == 200


async def test_metrics_under_the_names_of_sfu_go_only_when_asked(start) -> None:
    client = await start(dialect_metrics=True)
    async with SfuGoClient(client.base, "ann") as ann:
        await ann.join("green", media=False)
        text = await (await client.ask("GET", "/metrics")).text()
    found = dict(
        line.split() for line in text.splitlines() if line and not line.startswith("#")
    )
    assert found["sfu_active_rooms_total"] == "1.0"
    assert found["sfu_active_peers_total"] == "1.0"
    assert found["sfu_connections_total"] == "1.0"
    assert float(found["sfu_messages_received_total"]) >= 1
    assert float(found["sfu_messages_sent_total"]) >= 1
    other = await start()
    assert (await other.ask("GET", "/metrics")).status == 403
