"""Server-sent events and layer selection of WHEP."""

from __future__ import annotations

import pytest

from meshnode.signalling import streams as rules
from meshproto.forwarding.events import LayerFound, LayerSwitched
from support.offers import play_offer, publish_offer
from support.rtc import Publisher, Viewer, until
from support.sse import listening

TYPES = ["active", "inactive", "layers", "viewercount", "reconnect"]


async def subscribed(client, session: str, types: list[str]) -> str:
    answer = await client.ask("POST", f"{session}/events", json=types)
    assert answer.status == 201
    return answer.headers["Location"]


async def watched(client, name: str = "demo", **offer) -> str:
    assert (await client.publish(publish_offer(**offer), name)).status == 201
    return (await client.play(play_offer(), name)).headers["Location"]


async def test_a_stream_of_events_begins_with_the_state_of_things(client) -> None:
    session = await watched(client)
    location = await subscribed(client, session, TYPES)
    assert location.startswith(f"{session}/events/")
    async with listening(client, location) as events:
        assert await events.next("active") == {}
        assert await events.next("viewercount") == {"viewercount": 1}
        assert set(await events.next("layers")) == {"0"}


async def test_only_the_chosen_types_come(client) -> None:
    session = await watched(client)
    location = await subscribed(client, session, ["viewercount"])
    async with listening(client, location) as events:
        await client.play(play_offer())
        await events.next("viewercount", 2)
        assert {seen for seen, _ in events.seen} == {"viewercount"}


async def test_viewers_are_counted_as_they_come_and_go(client) -> None:
    session = await watched(client)
    async with listening(client, f"{session}/events") as events:
        await events.next("viewercount")
        other = (await client.play(play_offer())).headers["Location"]
        assert await events.next("viewercount", 2) == {"viewercount": 2}
        await client.ask("DELETE", other)
        assert await events.next("viewercount", 3) == {"viewercount": 1}


async def test_events_may_be_read_by_pages_of_other_sites(client) -> None:
    session = await watched(client)
    answer = await client.http.get(f"{client.base}{session}/events")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [('{"a": 1}', 400), ("[1]", 400), ("nonsense", 400), ('["scte35"]', 422)],
)
async def test_a_list_of_types_it_must_be(client, body, status) -> None:
    session = await watched(client)
    sent = {"Content-Type": "application/json"}
    answer = await client.ask("POST", f"{session}/events", data=body, headers=sent)
    assert answer.status == status


async def test_unknown_types_among_known_ones_are_passed_over(client) -> None:
    session = await watched(client)
    location = await subscribed(client, session, ["scte35", "active"])
    async with listening(client, location) as events:
        await events.next("active")


async def test_a_subscription_that_is_none_is_404(client) -> None:
    session = await watched(client)
    assert (await client.ask("GET", f"{session}/events/nosuch")).status == 404
    location = await subscribed(client, session, ["active"])
    assert (await client.ask("DELETE", location)).status == 200
    assert (await client.ask("GET", location)).status == 404


async def test_a_session_keeps_a_few_subscriptions_only(client) -> None:
    session = await watched(client)
    made = [await subscribed(client, session, ["active"]) for _ in range(12)]
    assert (await client.ask("GET", made[0])).status == 404
    async with listening(client, made[-1]) as events:
        await events.next("active")


async def test_events_end_with_their_session(client) -> None:
    session = await watched(client)
    location = await subscribed(client, session, TYPES)
    async with listening(client, location) as events:
        await events.next("active")
        await client.ask("DELETE", session)
        await until(lambda: events.ended, "the stream ended")
    assert (await client.ask("GET", location)).status == 410


async def test_too_many_open_streams_are_503_and_name_the_limit(start) -> None:
    client = await start({"events_subscribers": 1})
    session = await watched(client)
    async with listening(client, f"{session}/events") as events:
        await events.next("active")
        answer = await client.ask("GET", f"{session}/events")
        assert answer.status == 503
        assert (await answer.json(content_type=None))["limit"] == "events_subscribers"
    await until(lambda: client.node.status().gauges["event_streams"] == 0, "freed")
    async with listening(client, f"{session}/events") as events:
        await events.next("active")


async def test_who_listens_is_told_and_may_wait_for_the_publisher(
    client, monkeypatch
) -> None:
    monkeypatch.setattr(rules, "LINGER_S", 0.5)
    whip, whep = f"{client.base}/whip/demo", f"{client.base}/whep/demo"
    async with Publisher(whip):
        viewer = Viewer(whep)
        await viewer.open()
        await viewer.sees(5)
    async with listening(client, f"{viewer.location}/events") as events:
        await events.next("inactive")
        assert (await client.play(play_offer())).status == 409
        assert viewer.pc.connectionState == "connected"
        async with Publisher(whip):
            await events.next("active", 2)
            await viewer.sees(10)
        await viewer.close()


async def test_who_waits_too_long_is_hung_up(client, monkeypatch) -> None:
    monkeypatch.setattr(rules, "LINGER_S", 0.2)
    monkeypatch.setattr(rules, "WAITING_S", 1.0)
    publisher = (await client.publish(publish_offer())).headers["Location"]
    session = (await client.play(play_offer())).headers["Location"]
    async with listening(client, f"{session}/events") as events:
        await events.next("active")
        await client.ask("DELETE", publisher)
        await events.next("inactive")
        await until(lambda: events.ended, "hung up")
    assert client.node.streams() == ()


# -- layers ----------------------------------------------------------------------------

RIDS = ("q", "h", "f")


async def simulcast(client) -> str:
    """A session that watches a stream of three layers, all of which have begun."""
    session = await watched(client, rids=RIDS)
    for number, rid in enumerate(RIDS):
        client.node._measure.heard(LayerFound(1, rid, 100 + number, "vp8"))
    return session


async def test_layers_are_listed_by_medium(client) -> None:
    session = await simulcast(client)
    async with listening(client, f"{session}/events") as events:
        layers = await events.next("layers")
    assert list(layers) == ["0"]
    assert {layer["rid"] for layer in layers["0"]["active"]} == set(RIDS)
    assert {layer["encodingId"] for layer in layers["0"]["layers"]} == set(RIDS)
    assert layers["0"]["selected"] is None


async def test_a_new_layer_and_a_switch_are_told(client) -> None:
    session = await watched(client, rids=RIDS)
    async with listening(client, f"{session}/events") as events:
        await events.next("layers")
        client.node._measure.heard(LayerFound(1, "q", 100, "vp8"))
        told = await events.next("layers", 2)
        assert [layer["rid"] for layer in told["0"]["active"]] == ["q"]
        client.node._measure.heard(LayerSwitched(1, "q"))
        assert (await events.next("layers", 3))["0"]["current"] == "q"


@pytest.mark.parametrize("name", ["rid", "encodingId"])
async def test_a_layer_is_chosen_by_either_name(client, name) -> None:
    session = await simulcast(client)
    async with listening(client, f"{session}/events") as events:
        assert (await events.next("layers"))["0"]["selected"] is None
        answer = await client.ask("POST", f"{session}/layer", json={name: "h"})
        assert answer.status == 200
        assert await answer.json() == {"0": {"rid": "h"}}
        assert (await events.next("layers", 2))["0"]["selected"] == "h"


async def test_saying_nothing_means_automatic(client) -> None:
    session = await simulcast(client)
    await client.ask("POST", f"{session}/layer", json={"rid": "h"})
    nothing = {"mediaId": None, "rid": None}
    answer = await client.ask("POST", f"{session}/layer", json=nothing)
    assert await answer.json() == {"0": {"rid": None}}


async def test_spatial_and_temporal_limits_are_taken(client) -> None:
    session = await simulcast(client)
    for body in (
        {"mediaId": "0", "spatialLayerId": 1, "temporalLayerId": 0},
        {"maxSpatialLayerId": 1, "maxTemporalLayerId": 2},
        {"maxWidth": 640, "maxHeight": 360},
    ):
        answer = await client.ask("POST", f"{session}/layer", json=body)
        assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[]", 400),
        ("nonsense", 400),
        ('{"rid": {}}', 400),
        ('{"spatialLayerId": "1"}', 400),
        ('{"spatialLayerId": -1}', 400),
        ('{"temporalLayerId": 8}', 400),
        ('{"spatialLayerId": true}', 400),
        ('{"rid": "z"}', 422),
        ('{"mediaId": "9"}', 422),
        ('{"mediaId": "1"}', 422),
    ],
)
async def test_what_cannot_be_chosen_is_refused(client, body, status) -> None:
    session = await simulcast(client)
    sent = {"Content-Type": "application/json"}
    answer = await client.ask("POST", f"{session}/layer", data=body, headers=sent)
    assert answer.status == status
    assert (await answer.json(content_type=None))["detail"]


async def test_an_unknown_layer_is_answered_with_the_known_ones(client) -> None:
    session = await simulcast(client)
    answer = await client.ask("POST", f"{session}/layer", json={"rid": "z"})
    assert "q, h, f" in (await answer.json(content_type=None))["detail"]
