"""Health, status, metrics and commands: who may ask what, and what they tell."""

from __future__ import annotations

import re
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from meshnode.config import Settings
from meshnode.node.planes import choose
from meshnode.signalling.access import ANY_STREAM, Right, TokenKey
from support.offers import play_offer, publish_offer
from support.rtc import Publisher, Viewer, until

KEY = {"Authorization": "Bearer s3cret"}


async def test_health_is_told_everywhere(client) -> None:
    for base in (client.base, client.admin):
        for path in ("/healthz", "/readyz"):
            assert (await client.ask("GET", f"{base}{path}")).status == 200
            assert (await client.ask("HEAD", f"{base}{path}")).status == 200


@pytest.mark.parametrize("path", ["/status", "/metrics"])
async def test_figures_are_for_the_admin_address_or_a_key(start, path) -> None:
    client = await start(publish_key="s3cret")
    assert (await client.ask("GET", f"{client.admin}{path}")).status == 200
    assert (await client.ask("GET", path)).status == 401
    assert (await client.ask("GET", path, headers=KEY)).status == 200
    now = int(time.time())
    for right, status in ((Right.ADMIN, 200), (Right.PUBLISH, 403)):
        signed = TokenKey.derive("s3cret").sign(
            ANY_STREAM, [right], issued_at=now, expires_at=now + 60
        )
        sent = {"Authorization": f"Bearer {signed}"}
        assert (await client.ask("GET", path, headers=sent)).status == status


async def test_without_a_key_figures_are_for_the_admin_address_alone(client) -> None:
    for method, path in (
        ("GET", "/status"),
        ("GET", "/metrics"),
        ("POST", "/drain"),
        ("DELETE", "/streams/demo"),
    ):
        assert (await client.ask(method, path)).status == 403


async def test_the_status_tells_what_there_is(client) -> None:
    await client.publish(publish_offer())
    await client.play(play_offer())
    told = await (await client.ask("GET", f"{client.admin}/status")).json()
    assert told["state"] == "ready"
    assert told["version"]
    assert told["plane"] == choose(Settings()).name
    assert told["addresses"]
    assert told["limits"]["streams"] == 1024
    (stream,) = told["streams"]
    assert stream["name"] == "demo"
    assert stream["state"] == "connecting"
    assert stream["viewers"] == 1
    assert [track["codec"] for track in stream["tracks"]] == ["vp8", "opus"]
    assert [session["door"] for session in stream["sessions"]] == ["whep"]


async def test_the_status_cuts_addresses(start) -> None:
    client = await start(trusted_proxy="127.0.0.1", publish_key="s3cret")
    sent = {**KEY, "X-Forwarded-For": "203.0.113.77"}
    await client.publish(publish_offer(), **sent)
    await client.play(play_offer(), **{"X-Forwarded-For": "2001:db8:1:2:3::4"})
    text = await (await client.ask("GET", f"{client.admin}/status")).text()
    assert "203.0.113.77" not in text
    assert "2001:db8:1:2" not in text
    assert "203.0.113.x" in text


async def test_metrics_are_prometheus_and_count(client) -> None:
    async with (
        Publisher(f"{client.base}/whip/demo"),
        Viewer(f"{client.base}/whep/demo") as viewer,
    ):
        await viewer.sees(5)
        await client.play("", "nothing")
        text = await (await client.ask("GET", f"{client.admin}/metrics")).text()
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["meshnode_streams", "live"] == 1
    assert found["meshnode_viewers",] == 1
    assert found["meshnode_transports",] == 2
    assert found["meshnode_received_packets_total",] > 0
    assert found["meshnode_http_refusals_total", "409"] == 1
    assert found["meshnode_events_total", "ViewerJoined"] == 1


async def test_metrics_name_no_stream_session_or_address(client) -> None:
    await client.publish(publish_offer(), "secret-name")
    session = (await client.play(play_offer(), "secret-name")).headers["Location"]
    text = await (await client.ask("GET", f"{client.admin}/metrics")).text()
    assert "secret-name" not in text
    assert session.rpartition("/")[2] not in text
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", text)
    names = {line.split("{")[0].split()[0] for line in text.splitlines() if line}
    assert all(name.startswith("meshnode_") for name in names - {"#"})


async def test_the_operator_ends_a_stream(client) -> None:
    async with Publisher(f"{client.base}/whip/demo") as publisher:
        viewer = (await client.play(play_offer())).headers["Location"]
        answer = await client.ask("DELETE", f"{client.admin}/streams/demo")
        assert answer.status == 200
        await until(lambda: publisher.pc.connectionState == "closed", "hung up")
        assert (await client.ask("GET", viewer)).status == 410
        publisher.location = ""
    assert client.node.streams() == ()
    answer = await client.ask("DELETE", f"{client.admin}/streams/demo")
    assert answer.status == 404


async def test_a_page_cannot_command_the_node_behind_its_users_back(client) -> None:
    evil = {"Origin": "https://evil.example"}
    for method, path in (("POST", "/drain"), ("DELETE", "/streams/demo")):
        answer = await client.ask(method, f"{client.admin}{path}", headers=evil)
        assert answer.status == 403
    assert client.node.status().state == "ready"


async def test_a_draining_node_says_so_and_takes_nobody(client) -> None:
    await client.publish(publish_offer())
    assert (await client.ask("POST", f"{client.admin}/drain")).status == 202
    await until(lambda: client.node.status().state == "draining", "draining")
    assert (await client.ask("GET", "/readyz")).status == 503
    assert (await client.ask("GET", "/healthz")).status == 200
    for door in (client.publish, client.play):
        answer = await door(publish_offer(), "other")
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1


async def test_the_key_drains_over_the_public_address(start) -> None:
    client = await start(publish_key="s3cret")
    assert (await client.ask("POST", "/drain")).status == 401
    assert (await client.ask("POST", "/drain", headers=KEY)).status == 202
