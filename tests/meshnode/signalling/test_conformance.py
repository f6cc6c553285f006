"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep), one sentence a test."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import pytest
from yarl import URL

from support.doors import DOORS, opened, problem
from support.offers import SDP, play_offer, publish_offer
from support.patience import soon

PAGE = {"Origin": "https://player.example"}

# -- the answer ------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
async def test_an_offer_is_answered_201_with_an_sdp_answer(client, door) -> None:
    answer = await opened(client, door)
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/sdp"
    assert (await answer.text()).startswith("v=0\r\n")


@pytest.mark.parametrize("door", DOORS)
async def test_location_is_an_absolute_path_without_a_query(client, door) -> None:
    location = (await opened(client, door)).headers["Location"]
    assert re.fullmatch(rf"/{door}/demo/[A-Za-z0-9_-]{{32}}", location)


async def test_session_ids_do_not_repeat(client) -> None:
    made = [await client.publish(publish_offer(), f"s{n}") for n in range(5)]
    ids = {answer.headers["Location"].rpartition("/")[2] for answer in made}
    assert len(ids) == 5


@pytest.mark.parametrize("door", DOORS)
async def test_the_etag_is_strong(client, door) -> None:
    etag = (await opened(client, door)).headers["ETag"]
    assert re.fullmatch(r'"[^"*]+"', etag)


@pytest.mark.parametrize("door", DOORS)
async def test_the_answer_says_what_may_be_patched(client, door) -> None:
    answer = await opened(client, door)
    assert answer.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"


@pytest.mark.parametrize("door", DOORS)
async def test_all_candidates_are_in_the_answer_udp_host_first(client, door) -> None:
    text = await (await opened(client, door)).text()
    found = re.findall(r"a=candidate:\S+ 1 (\S+) \d+ (\S+) (\d+) typ (\S+)", text)
    assert found
    assert {(protocol, kind) for protocol, _, _, kind in found} == {("udp", "host")}
    assert "a=end-of-candidates" in text
    assert "a=ice-lite" in text
    assert len(text) < 8192


@pytest.mark.parametrize("door", DOORS)
async def test_loopback_comes_first_for_who_asks_over_loopback(client, door) -> None:
    text = await (await opened(client, door)).text()
    first = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+)", text)
    assert first is not None
    assert first[1] == "127.0.0.1"


async def test_a_publisher_is_answered_recvonly(client) -> None:
    text = await (await opened(client, "whip")).text()
    assert text.count("a=recvonly") == 2
    assert "a=sendonly" not in text


async def test_a_player_is_answered_sendonly(client) -> None:
    text = await (await opened(client, "whep")).text()
    assert text.count("a=sendonly") == 2
    assert "a=recvonly" not in text


async def test_a_sendrecv_player_is_answered_sendonly_too(client) -> None:
    sdp = play_offer().replace("a=recvonly", "a=sendrecv")
    answer = await opened(client, "whep", sdp)
    assert answer.status == 201
    assert (await answer.text()).count("a=sendonly") == 2


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("actpass", "passive"), ("active", "passive"), ("passive", "active")],
)
async def test_the_dtls_role_follows_the_offer(client, offered, answered) -> None:
    sdp = publish_offer().replace("a=setup:actpass", f"a=setup:{offered}")
    text = await (await client.publish(sdp)).text()
    assert f"a=setup:{answered}" in text


async def test_an_offer_without_rtcp_mux_only_is_accepted(client) -> None:
    assert "rtcp-mux-only" not in publish_offer()
    answer = await client.publish(publish_offer())
    assert "a=rtcp-mux-only" in await answer.text()


async def test_every_simulcast_layer_is_kept(client) -> None:
    text = await (await client.publish(publish_offer(rids=("q", "h", "f")))).text()
    assert "a=simulcast:recv q;h;f" in text
    assert re.findall(r"a=rid:(\w+) recv", text) == ["q", "h", "f"]


async def test_only_video_is_fine(client) -> None:
    assert (await client.publish(publish_offer("video"))).status == 201
    assert (await client.play(play_offer())).status == 201


async def test_media_types_are_compared_without_case_and_parameters(client) -> None:
    sent = {"Content-Type": "Application/SDP; charset=utf-8"}
    assert (await client.publish(publish_offer(), **sent)).status == 201


@pytest.mark.parametrize("door", DOORS)
async def test_answers_come_well_under_a_second(client, door) -> None:
    names = itertools.count()

    async def once() -> float:
        name, began = f"s{next(names)}", time.monotonic()
        assert (await client.publish(publish_offer(), name)).status == 201
        if door == "whep":
            assert (await client.play(play_offer(), name)).status == 201
        return time.monotonic() - began

    await soon(once, 1.0)


# -- what stands against an offer ------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
async def test_a_wrong_type_is_415_and_names_the_right_one(client, door) -> None:
    sent = {"Content-Type": "text/plain"}
    answer = await client.ask("POST", f"/{door}/demo", data="x", headers=sent)
    assert "application/sdp" in (await problem(answer, 415))["detail"]


async def test_a_missing_type_is_415(client) -> None:
    skip = {"skip_auto_headers": ["Content-Type"]}
    answer = await client.ask("POST", "/whip/demo", data=b"v=0", **skip)
    assert "but Content-Type is missing" in (await problem(answer, 415))["detail"]


async def test_a_compressed_body_is_415(client) -> None:
    sent = {**SDP, "Content-Encoding": "gzip"}
    answer = await client.ask("POST", "/whip/demo", data=b"\x1f\x8b", headers=sent)
    await problem(answer, 415)


@pytest.mark.parametrize("door", DOORS)
async def test_a_body_over_the_limit_is_413_and_names_it(client, door) -> None:
    body = publish_offer() + "a=x\r\n" * 20_000
    answer = await client.ask("POST", f"/{door}/demo", data=body, headers=SDP)
    assert (await problem(answer, 413))["limit"] == "sdp_bytes"


async def test_a_body_over_the_limit_is_413_without_a_length(client) -> None:
    async def endless() -> Any:
        for _ in range(80):
            yield b"a=x\r\n" * 200

    answer = await client.ask("POST", "/whip/demo", data=endless(), headers=SDP)
    await problem(answer, 413)


async def test_broken_sdp_is_400_and_names_the_line(client) -> None:
    lines = publish_offer().splitlines()
    broken = "\r\n".join([*lines[:3], "nonsense", *lines[3:], ""])
    document = await problem(await client.publish(broken), 400)
    assert document["line"] == 4
    assert "line 4" in document["detail"]


async def test_an_offer_that_is_no_text_is_400(client) -> None:
    answer = await client.ask("POST", "/whip/demo", data=b"\xff\xfe", headers=SDP)
    await problem(answer, 400)


@pytest.mark.parametrize("direction", ["recvonly", "inactive"])
async def test_a_publisher_that_does_not_send_is_422(client, direction) -> None:
    sdp = publish_offer().replace("a=sendonly", f"a={direction}")
    await problem(await client.publish(sdp), 422)


async def test_no_section_is_rejected_alone(client) -> None:
    codecs = {"video": (("96", "THEORA/90000"),), "audio": (("111", "opus/48000/2"),)}
    await problem(await client.publish(publish_offer(codecs=codecs)), 422)


async def test_a_player_that_lacks_the_codec_is_told_which_one(client) -> None:
    await client.publish(publish_offer("video"))
    codecs = {"video": (("97", "H264/90000"),)}
    answer = await client.play(play_offer("video", codecs=codecs))
    assert "VP8" in (await problem(answer, 422))["detail"]


@pytest.mark.parametrize("name", ["a%20b", "%2E%2E", "%C3%A4", "x" * 129])
async def test_a_stream_name_that_is_none_is_400(client, name) -> None:
    url = f"{client.base}/whip/{name}"
    async with client.http.post(
        URL(url, encoded=True), data=publish_offer(), headers=SDP
    ) as answer:
        await answer.read()
        await problem(answer, 400)


async def test_a_stream_name_may_be_of_128_characters(client) -> None:
    name = ("Az09_.~-" * 16)[:128]
    answer = await client.publish(publish_offer(), name)
    assert answer.status == 201
    assert answer.headers["Location"].startswith(f"/whip/{name}/")


async def test_a_refused_offer_leaves_nothing_behind(client) -> None:
    await client.publish("v=0\r\n")
    await client.publish(publish_offer().replace("a=fingerprint", "a=fingerprints"))
    assert client.node.streams() == ()
    assert client.node.status().gauges["transports"] == 0


# -- looking and asking ----------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
async def test_get_of_an_endpoint_is_2xx_without_content(client, door) -> None:
    answer = await client.ask("GET", f"/{door}/demo")
    assert answer.status == 204
    assert await answer.text() == ""


@pytest.mark.parametrize("door", DOORS)
async def test_get_of_a_session_is_2xx_without_content(client, door) -> None:
    location = (await opened(client, door)).headers["Location"]
    answer = await client.ask("GET", location)
    assert answer.status == 204
    assert await answer.text() == ""


async def test_head_of_a_whep_endpoint_says_sdp(client) -> None:
    answer = await client.ask("HEAD", "/whep/demo")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/sdp"


@pytest.mark.parametrize("door", DOORS)
async def test_plain_options_tell_what_is_accepted(client, door) -> None:
    answer = await client.ask("OPTIONS", f"/{door}/demo")
    assert answer.status == 200
    assert answer.headers["Accept-Post"] == "application/sdp"
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("door", DOORS)
async def test_a_preflight_needs_no_key_and_allows_what_clients_send(
    start, door
) -> None:
    client = await start(publish_key="s3cret")
    asked = {**PAGE, "Access-Control-Request-Method": "POST"}
    for path in (f"/{door}/demo", f"/{door}/demo/any-session"):
        answer = await client.ask("OPTIONS", path, headers=asked)
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert {"authorization", "content-type", "if-match"} <= set(allowed.split(", "))
        assert "Link" not in answer.headers
    assert (
        "POST"
        in (await client.ask("OPTIONS", f"/{door}/demo", headers=asked)).headers[
            "Access-Control-Allow-Methods"
        ]
    )


async def test_pages_of_other_sites_may_read_what_they_need(client) -> None:
    await client.publish(publish_offer())
    answer = await client.play(play_offer(), **PAGE)
    exposed = answer.headers["Access-Control-Expose-Headers"].lower().split(", ")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    wanted = {"location", "link", "etag", "accept-patch", "retry-after"}
    assert wanted <= set(exposed)


async def test_refusals_can_be_read_by_pages_of_other_sites_too(client) -> None:
    answer = await client.play(play_offer(), **PAGE)
    assert answer.status == 409
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/whip/demo"), ("PATCH", "/whep/demo"), ("DELETE", "/whip/demo")],
)
async def test_other_methods_are_405_with_allow(client, method, path) -> None:
    answer = await client.ask(method, path)
    await problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {
        "POST",
        "GET",
        "HEAD",
        "OPTIONS",
    }


async def test_a_session_that_never_was_is_404(client) -> None:
    for method in ("GET", "DELETE", "PATCH"):
        await problem(await client.ask(method, "/whip/demo/nosuch"), 404)


async def test_a_session_is_found_by_its_own_door_and_stream_only(client) -> None:
    location = (await opened(client, "whip")).headers["Location"]
    session = location.rpartition("/")[2]
    for path in (f"/whep/demo/{session}", f"/whip/other/{session}"):
        assert (await client.ask("DELETE", path)).status == 404
    assert (await client.ask("GET", location)).status == 204
