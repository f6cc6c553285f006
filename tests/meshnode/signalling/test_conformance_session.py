"""WHIP and WHEP from the 201 to the end of the session, one sentence a test."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support.doors import DOORS, opened, problem
from support.offers import FRAGMENT, SDP, play_offer, publish_offer, restart, trickle

# -- trickle and restart ---------------------------------------------------------------


async def patched(client: Any, answer: Any, body: str, **headers: str) -> Any:
    sent = {**FRAGMENT, **headers}
    return await client.ask(
        "PATCH", answer.headers["Location"], data=body, headers=sent
    )


def tag(value: str) -> dict[str, str]:
    return {"If-Match": value}


@pytest.mark.parametrize("door", DOORS)
async def test_trickled_candidates_are_204_without_body_or_etag(client, door) -> None:
    sdp = publish_offer() if door == "whip" else play_offer()
    answer = await opened(client, door, sdp)
    done = await patched(client, answer, trickle(sdp), **tag(answer.headers["ETag"]))
    assert done.status == 204
    assert await done.text() == ""
    assert "ETag" not in done.headers


@pytest.mark.parametrize(
    "candidate",
    [
        "a=candidate:1 1 udp 1 4d1f5a2e-x.local 9 typ host",
        "a=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "a=candidate:1 1 future 1 192.0.2.1 9 typ host",
    ],
)
async def test_candidates_we_cannot_use_are_no_error(client, candidate) -> None:
    sdp = publish_offer()
    answer = await opened(client, "whip", sdp)
    body = trickle(sdp, candidate)
    done = await patched(client, answer, body, **tag(answer.headers["ETag"]))
    assert done.status == 204


async def test_mids_may_be_any_token(client) -> None:
    sdp = publish_offer("video").replace("a=mid:0", "a=mid:video0")
    sdp = sdp.replace("BUNDLE 0", "BUNDLE video0")
    answer = await opened(client, "whip", sdp)
    body = trickle(sdp).replace("a=mid:0", "a=mid:video0")
    done = await patched(client, answer, body, **tag(answer.headers["ETag"]))
    assert done.status == 204


async def test_trickle_without_if_match_is_accepted_and_noted(client) -> None:
    sdp = play_offer()
    answer = await opened(client, "whep", sdp)
    assert (await patched(client, answer, trickle(sdp))).status == 204
    assert client.node.status().counters["untagged_patches"] == 1


@pytest.mark.parametrize("star", ["*", '"*"'])
async def test_a_restart_is_200_with_fresh_credentials_and_a_new_etag(
    client, star
) -> None:
    answer = await opened(client, "whip")
    done = await patched(client, answer, restart(), **tag(star))
    assert done.status == 200
    assert done.headers["Content-Type"] == "application/trickle-ice-sdpfrag"
    assert done.headers["ETag"] not in ("", answer.headers["ETag"])
    text, before = await done.text(), await answer.text()
    for name in ("ice-ufrag", "ice-pwd"):
        fresh = re.search(rf"a={name}:(\S+)", text)
        assert fresh is not None
        assert fresh[1] not in before
    assert "a=candidate:" in text


async def test_a_restart_without_if_match_is_428(client) -> None:
    answer = await opened(client, "whip")
    await problem(await patched(client, answer, restart()), 428)


async def test_a_stale_etag_is_412(client) -> None:
    sdp = publish_offer()
    answer = await opened(client, "whip", sdp)
    old = answer.headers["ETag"]
    assert (await patched(client, answer, restart(), **tag("*"))).status == 200
    await problem(await patched(client, answer, trickle(sdp), **tag(old)), 412)
    await problem(await patched(client, answer, restart(), **tag(old)), 412)


async def test_a_weak_etag_does_not_match(client) -> None:
    sdp = publish_offer()
    answer = await opened(client, "whip", sdp)
    weak = f"W/{answer.headers['ETag']}"
    await problem(await patched(client, answer, trickle(sdp), **tag(weak)), 412)


async def test_a_failed_restart_leaves_the_session_alone(client) -> None:
    sdp = publish_offer()
    answer = await opened(client, "whip", sdp)
    half = "a=ice-ufrag:abcd\r\n"
    await problem(await patched(client, answer, half, **tag("*")), 400)
    done = await patched(client, answer, trickle(sdp), **tag(answer.headers["ETag"]))
    assert done.status == 204


async def test_a_patch_of_another_type_is_415(client) -> None:
    answer = await opened(client, "whip")
    done = await patched(client, answer, restart(), **SDP)
    assert "trickle-ice-sdpfrag" in (await problem(done, 415))["detail"]


@pytest.mark.parametrize("body", ["", "hello", "a=candidate:1 2 3\r\n"])
async def test_a_broken_fragment_is_400(client, body) -> None:
    answer = await opened(client, "whip")
    done = await patched(client, answer, body, **tag(answer.headers["ETag"]))
    await problem(done, 400)


async def test_a_patch_of_an_ended_session_is_410(client) -> None:
    answer = await opened(client, "whip")
    await client.ask("DELETE", answer.headers["Location"])
    await problem(await patched(client, answer, restart(), **tag("*")), 410)


# -- the end ---------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
async def test_delete_is_200_and_may_be_repeated(client, door) -> None:
    location = (await opened(client, door)).headers["Location"]
    for _ in range(3):
        answer = await client.ask("DELETE", location)
        assert answer.status == 200
        assert await answer.text() == ""


async def test_delete_ignores_if_match(client) -> None:
    location = (await opened(client, "whip")).headers["Location"]
    answer = await client.ask("DELETE", location, headers=tag('"other"'))
    assert answer.status == 200


async def test_delete_frees_the_transport(client) -> None:
    answer = await opened(client, "whip")
    assert client.node.status().gauges["transports"] == 1
    await client.ask("DELETE", answer.headers["Location"])
    assert client.node.status().gauges["transports"] == 0


# -- WHEP alone ------------------------------------------------------------------------


async def test_without_a_publisher_a_player_gets_409_and_retry_after(client) -> None:
    answer = await client.play(play_offer())
    assert "nobody publishes demo" in (await problem(answer, 409))["detail"]
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_player_is_told_of_events_and_layers(client) -> None:
    answer = await opened(client, "whep")
    location = answer.headers["Location"]
    links = answer.headers.getall("Link")
    events = f'<{location}/events>; rel="urn:ietf:params:whep:ext:core:'
    assert any(link.startswith(f'{events}server-sent-events"') for link in links)
    layer = f'<{location}/layer>; rel="urn:ietf:params:whep:ext:core:layer"'
    assert layer in links


async def test_a_publisher_gets_no_link_that_obs_would_stumble_over(client) -> None:
    assert "Link" not in (await opened(client, "whip")).headers


@pytest.mark.parametrize("body", ["", "no section"])
async def test_a_player_without_an_offer_gets_ours(client, body) -> None:
    await client.publish(publish_offer())
    sdp = play_offer().replace("a=recvonly", "a=sendonly") if body else ""
    offered = await client.play(sdp)
    assert offered.status == 406
    assert offered.headers["Content-Type"] == "application/sdp"
    text = await offered.text()
    assert text.count("a=sendonly") == 2
    assert "a=setup:actpass" in text
    location = offered.headers["Location"]
    answer = text.replace("a=sendonly", "a=recvonly").replace("actpass", "active")
    answer = answer.replace("a=ice-lite\r\n", "")
    done = await client.ask("PATCH", location, data=answer, headers=SDP)
    assert done.status == 204
    assert client.node.streams()[0].viewers == 1
    assert (await client.ask("DELETE", location)).status == 200
    assert client.node.streams()[0].viewers == 0


async def test_our_offer_can_be_declined(client) -> None:
    await client.publish(publish_offer())
    location = (await client.play("")).headers["Location"]
    assert (await client.ask("DELETE", location)).status == 200
    assert (await client.ask("PATCH", location, headers=SDP)).status == 404
