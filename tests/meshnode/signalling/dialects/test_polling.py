"""The HTTP-polling dialect: its calls, its errors, and what the original got wrong."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from meshnode.signalling.dialects import polling
from support.dialects.polling import PollingClient
from support.dialects.shades import Eyes
from support.rtc import until

SHADES = (40, 120, 200)
Start = Any


def transports(client: Any) -> int:
    return int(client.node.status().gauges["transports"])


def published(node: Any) -> set[str]:
    """Streams with media."""
    return {stream.name for stream in node.streams() if stream.tracks}


async def offered(*shades: int) -> dict[str, str]:
    """An offer that nobody will connect by."""
    eyes = Eyes()
    for shade in shades or (40,):
        eyes.send(shade)
    try:
        return await eyes.offer()
    finally:
        await eyes.close()


async def test_three_peers_see_each_other_each_in_a_track_of_its_own(
    client: Any,
) -> None:
    one = PollingClient(client.base, SHADES[0], *SHADES)
    two = PollingClient(client.base, SHADES[1], *SHADES)
    three = PollingClient(client.base, SHADES[2], *SHADES, sound=True)
    async with one, two, three:
        for me in (one, two, three):
            others = [luma for luma in SHADES if luma != me.shade.luma]
            await until(
                lambda me=me, others=others: all(map(me.sees, others)), "the others"
            )
            # the original keyed tracks by kind, and mixed publishers in one
            assert all(len(shades) == 1 for shades in me.seen.values()), me.seen
        await until(lambda: one.heard and two.heard, "the sound of the third")
        streams = published(client.node)
        assert len(streams) == 4  # three pictures and one sound
        said = "".join([*one.told, *two.told, *three.told, *streams])
        # who knows a peer's id can answer for it
        assert not [p for p in (one, two, three) if p.peer_id in said]
        named = re.compile(r"polling~[0-9a-f]{12}~[av]0")
        assert all(map(named.fullmatch, streams))
    await until(lambda: transports(client) == 0, "nothing is left", 60)


async def test_without_news_the_newest_poll_waits_two_seconds_and_says_204(
    client: Any,
) -> None:
    told = await (await client.ask("POST", "/offer", json=await offered())).json()
    path = f"/renegotiate/{told['peer_id']}"
    clock = asyncio.get_running_loop().time
    began_s = clock()
    both = {asyncio.create_task(client.ask("GET", path)) for _ in range(2)}
    done, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(waiting)) == (1, 1)
    assert clock() - began_s < polling.WAIT_S - 0.1
    answers = [await poll for poll in both]
    assert [(got.status, await got.text()) for got in answers] == [(204, "")] * 2
    assert clock() - began_s > polling.WAIT_S - 0.1


async def test_the_answer_can_be_used_and_the_id_not_be_guessed(client: Any) -> None:
    ids = set()
    for _ in range(3):
        got = await client.ask("POST", "/offer", json=await offered())
        told = await got.json()
        assert got.status == 200
        assert told["sdp"]["type"] == "answer"
        assert "a=candidate:" in told["sdp"]["sdp"]
        assert re.fullmatch(r"peer-[A-Za-z0-9_-]{24}", told["peer_id"])
        ids.add(told["peer_id"])
    assert len(ids) == 3


@pytest.mark.parametrize("path", ["/renegotiate/peer-1", "/answer/peer-1", "/answer"])
async def test_unknown_peers_are_404(client: Any, path: str) -> None:
    method = "GET" if "renegotiate" in path else "POST"
    got = await client.ask(method, path, json={"type": "answer", "sdp": "v=0"})
    assert got.status == 404
    assert "no such peer" in (await got.json())["detail"]


async def test_bad_offers_are_explained_and_leave_nothing_behind(client: Any) -> None:
    good = await offered()
    bad: list[tuple[Any, int]] = [
        (b"{", 400),
        (b"[]", 400),
        (b" " * 100_000 + b"{}", 400),
        (b" " * 600_000, 413),
        (b"{}", 400),
        ({"type": "answer", "sdp": good["sdp"]}, 400),
        ({"type": "offer", "sdp": "nonsense"}, 400),
        ({"type": "offer", "sdp": 5}, 400),
        (
            {"type": "offer", "sdp": good["sdp"].replace("fingerprint", "fingerpaint")},
            422,
        ),
    ]
    for body, status in bad:
        more = {"data": body} if isinstance(body, bytes) else {"json": body}
        got = await client.ask("POST", "/offer", **more)
        assert got.status == status, (body, await got.text())
        assert got.content_type == "application/problem+json"
    assert transports(client) == 0
    assert client.node.streams() == ()


async def test_both_spellings_of_answer(client: Any) -> None:
    for spelling in range(3):
        one, eyes = PollingClient(client.base, 40, *SHADES), Eyes()
        async with one:
            one.polls = False
            eyes.send(120)
            joined = await client.ask("POST", "/offer", json=await eyes.offer())
            assert joined.status == 200
            offer = await _next_offer(client, one.peer_id)
            answer = await one.answer(offer)
            path, body = [
                (f"/answer/{one.peer_id}", answer),
                ("/answer", {**answer, "peer_id": one.peer_id}),
                ("/answer", {"peer_id": one.peer_id, "sdp": answer}),
            ][spelling]
            again = await client.ask("POST", path, json=body)
            assert again.status == 200, await again.text()
            late = await client.ask("POST", path, json=body)
            assert late.status == 409  # nothing waits for an answer
            unfit = await client.ask("POST", path, json={"type": "answer"})
            assert unfit.status in (400, 404)
        await eyes.close()


async def _next_offer(client: Any, peer_id: str) -> dict[str, str]:
    for _ in range(3):
        got = await client.ask("GET", f"/renegotiate/{peer_id}")
        if got.status == 200:
            offer: dict[str, str] = await got.json()
            assert offer["type"] == "offer"
            return offer
    raise AssertionError("no offer")


async def test_an_offer_whose_response_was_lost_is_handed_out_again(
    client: Any,
) -> None:
    one = PollingClient(client.base, 40, *SHADES)
    two = PollingClient(client.base, 120, *SHADES)
    one.polls = False
    async with one, two:
        first = await _next_offer(client, one.peer_id)
        assert await _next_offer(client, one.peer_id) == first
        assert await one.ask() == 200
        await until(lambda: one.sees(120), "the other")


async def test_who_stops_asking_stalls_nobody_and_is_forgotten(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = PollingClient(client.base, 40, *SHADES)
    async with slow:
        slow.polls = False
        monkeypatch.setattr(polling, "SILENCE_S", 3.0)
        await slow.ask()  # from here on, three seconds
        (stream,) = published(client.node)
        one = PollingClient(client.base, 120, *SHADES)
        two = PollingClient(client.base, 200, *SHADES)
        async with one, two:
            # why not `sees`: the section of who is forgotten may be used again
            await until(lambda: one.has_seen(200) and two.has_seen(120), "each other")
            path = f"/renegotiate/{slow.peer_id}"

            def publishes() -> bool:
                found = [s for s in client.node.streams() if s.name == stream]
                return bool(found) and found[0].publisher is not None

            await until(lambda: not publishes(), "the slow one is forgotten")
            assert (await client.ask("GET", path)).status == 404
            before = sum(one.seen[next(iter(one.seen))].values())
            await until(
                lambda: sum(sum(s.values()) for s in one.seen.values()) > before + 5,
                "the others go on",
            )


async def test_who_may_publish_is_decided_as_everywhere(start: Start) -> None:
    client = await start(publish_key="secret")
    body = await offered()
    refused = await (await client.ask("POST", "/offer", json=body)).json()
    assert "a=inactive" in refused["sdp"]["sdp"]
    assert "a=recvonly" not in refused["sdp"]["sdp"]
    url = "/offer?access_token=secret"
    granted = await (await client.ask("POST", url, json=body)).json()
    assert (
        "a=recvonly" in granted["sdp"]["sdp"] or "a=sendrecv" in granted["sdp"]["sdp"]
    )
    assert len(published(client.node)) == 1


async def test_a_full_lobby_says_which_limit(start: Start) -> None:
    client = await start({"members_per_room": 1})
    body = await offered()
    assert (await client.ask("POST", "/offer", json=body)).status == 200
    full = await client.ask("POST", "/offer", json=body)
    assert full.status == 503
    assert (await full.json())["limit"] == "members_per_room"
