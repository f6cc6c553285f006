"""The HTTP half against a real HTTP server that answers whatever a test wants."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web

from meshnode.client.session import RejectedError, Signalling


def created(location: str = "/session/1") -> web.Response:
    return web.Response(
        status=201,
        text="answer",
        content_type="application/sdp",
        headers={"Location": location},
    )


async def test_a_session_is_opened_and_deleted_once(
    serve, http: aiohttp.ClientSession
) -> None:
    seen: list[tuple[str, str, str | None, str]] = []

    async def handler(request: web.Request) -> web.Response:
        bearer = request.headers.get("Authorization")
        seen.append((request.method, request.path, bearer, await request.text()))
        return created() if request.method == "POST" else web.Response()

    signalling = Signalling(http, await serve(handler), "s3cret")
    opened = await signalling.open("offer")
    await signalling.close()
    await signalling.close()
    assert opened.answer == "answer"
    assert seen == [
        ("POST", "/whip/demo", "Bearer s3cret", "offer"),
        ("DELETE", "/session/1", "Bearer s3cret", ""),
    ]


async def test_a_refusal_is_a_sentence(serve, http: aiohttp.ClientSession) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"detail": "the stream name is taken"}, status=403)

    with pytest.raises(RejectedError, match="answered 403: the stream name is taken"):
        await Signalling(http, await serve(handler)).open("offer")


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (
            lambda: web.Response(status=404, text="<p>", content_type="text/html"),
            "404: Not",
        ),
        (lambda: web.Response(status=400, text="bad\n line 3"), "400: bad line 3"),
        (lambda: web.Response(status=201, text="{}"), "text/plain instead of"),
        (lambda: web.json_response([1], status=400), r"400: \[1\]"),
    ],
)
async def test_servers_that_say_less(
    serve,
    http: aiohttp.ClientSession,
    response: Callable[[], web.Response],
    said: str,
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return response()

    with pytest.raises(RejectedError, match=said):
        await Signalling(http, await serve(handler)).open("offer")


async def test_patience_outlasts_a_missing_publisher(
    serve, http: aiohttp.ClientSession
) -> None:
    answers = [
        web.Response(status=409, headers={"Retry-After": "0"}),
        web.Response(status=503, headers={"Retry-After": "0.1"}),
        created(),
    ]

    async def handler(request: web.Request) -> web.Response:
        return answers.pop(0)

    waited: list[str] = []
    signalling = Signalling(http, await serve(handler))
    await signalling.open("offer", 5.0, waited.append)
    assert len(waited) == 2
    assert "409" in waited[0]


@pytest.mark.parametrize("after", ["60", "Wed, 21 Oct 2026 07:28:00 GMT", "inf", "-1"])
async def test_impatience_gives_up_at_once(
    serve, http: aiohttp.ClientSession, after: str
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=409, headers={"Retry-After": after})

    with pytest.raises(RejectedError) as caught:
        await Signalling(http, await serve(handler)).open("offer")
    assert caught.value.status == 409


async def test_a_redirect_to_another_host_gets_no_bearer(
    serve, http: aiohttp.ClientSession
) -> None:
    seen: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return created("session/1?x")

    target = await serve(elsewhere)

    async def here(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": target})

    signalling = Signalling(http, await serve(here), "s3cret")
    opened = await signalling.open("offer")
    await signalling.close()
    assert opened.location == target.replace("demo", "session/1?x")
    assert seen == [None, None]


async def test_redirects_end(serve, http: aiohttp.ClientSession) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": request.path})

    with pytest.raises(RejectedError, match="too many redirects"):
        await Signalling(http, await serve(handler)).open("offer")


async def test_a_session_without_location_is_not_deleted(
    serve, http: aiohttp.ClientSession
) -> None:
    methods: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        methods.append(request.method)
        return web.Response(status=200, text="answer", content_type="application/sdp")

    signalling = Signalling(http, await serve(handler))
    assert (await signalling.open("offer")).location == ""
    await signalling.close()
    assert methods == ["POST"]
