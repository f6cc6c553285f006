"""Sessions by URL: found, ended, remembered for a while."""

from __future__ import annotations

import re

import pytest

from meshnode.signalling import sessions as rules
from meshnode.signalling.sessions import Sessions, new_etag
from support.offers import SDP, publish_offer


def test_ids_and_tags_need_no_escaping_and_do_not_repeat() -> None:
    ids = {Sessions.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", made) for made in ids)
    tags = {new_etag() for _ in range(1000)}
    assert len(tags) == 1000
    assert all(re.fullmatch(r'"[A-Za-z0-9_-]{16}"', made) for made in tags)


async def test_an_ended_session_is_remembered_for_ten_minutes(client) -> None:
    session = (await client.publish(publish_offer())).headers["Location"]
    await client.ask("DELETE", session)
    sessions = client.node._parts.calls.sessions
    now = client.node._parts.clock()
    sessions.forget(now + rules.ENDED_KEPT_S - 5)
    assert (await client.ask("DELETE", session)).status == 200
    sessions.forget(now + rules.ENDED_KEPT_S + 5)
    assert (await client.ask("DELETE", session)).status == 404


async def test_only_so_many_ended_sessions_are_remembered(client, monkeypatch) -> None:
    monkeypatch.setattr(rules, "ENDED_KEPT_MAX", 2)
    ended = []
    for number in range(3):
        answer = await client.publish(publish_offer(), f"s{number}")
        ended.append(answer.headers["Location"])
        await client.ask("DELETE", ended[-1])
    statuses = [(await client.ask("DELETE", location)).status for location in ended]
    assert statuses == [404, 200, 200]


async def test_an_offer_of_ours_that_nobody_answers_is_withdrawn(client) -> None:
    await client.publish(publish_offer())
    offered = await client.ask("POST", "/whep/demo", data="", headers=SDP)
    assert offered.status == 406
    sessions = client.node._parts.calls.sessions
    sessions.forget(client.node._parts.clock() + 31)
    answer = await client.ask("PATCH", offered.headers["Location"], headers=SDP)
    assert answer.status == 404


@pytest.mark.parametrize("body", ["", "v=0\r\n", "nonsense"])
async def test_a_bad_answer_to_our_offer_is_refused_and_may_be_mended(
    client, body
) -> None:
    await client.publish(publish_offer())
    offered = await client.ask("POST", "/whep/demo", data="", headers=SDP)
    location, text = offered.headers["Location"], await offered.text()
    answer = await client.ask("PATCH", location, data=body, headers=SDP)
    assert answer.status in (400, 422)
    good = text.replace("a=sendonly", "a=recvonly").replace("actpass", "active")
    good = good.replace("a=ice-lite\r\n", "")
    answer = await client.ask("PATCH", location, data=good, headers=SDP)
    assert answer.status == 204
