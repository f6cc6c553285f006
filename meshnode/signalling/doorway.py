"""What every request passes before a handler sees it, and every answer afterwards.

One `Doorway` per HTTP listener.  It asks in this order: is the Host ours, is the method
known, may this caller ask again so soon.  Then the handler runs, and whatever it raises
becomes a problem document here and nowhere else: a refusal as it stands, a malformed
description as 400, a full table as 503, and anything unforeseen as 500 with one line in
the log, never with its text in the answer.

Doors (WHIP, WHEP and their resources) are open to pages of other sites by CORS, because
players live there; status, metrics, commands and lists are not.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from meshnode.signalling.access import bearer_of
from meshnode.signalling.buckets import Buckets, network
from meshnode.signalling.problems import Refused, full, malformed, response
from meshnode.signalling.trust import Caller, Trust
from meshproto.errors import DecodeError, LimitError

Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]

CHANGING = frozenset({"POST", "PATCH", "DELETE"})
BODY_TIMEOUT_S = 5.0
PREFLIGHT_AGE_S = 7200
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Link, ETag, Accept-Patch, Retry-After",
}
_log = logging.getLogger("meshnode.http")


class Doorway:
    """The guard of one listener; `requests_per_minute` bounds one address or key."""

    def __init__(self, trust: Trust, requests_per_minute: int) -> None:
        self._trust = trust
        self._buckets = Buckets(requests_per_minute)
        self._requests_per_minute = requests_per_minute
        self.refusals: dict[int, int] = {}

    def door(
        self,
        methods: Mapping[str, Handler],
        *,
        accept_post: str = "",
        accept_patch: str = "",
    ) -> Endpoint:
        """An endpoint that pages of every site may use (CORS)."""
        accepted = {"Accept-Post": accept_post, "Accept-Patch": accept_patch}
        accepts = {name: value for name, value in accepted.items() if value}
        return self._endpoint(methods, CORS_HEADERS, accepts)

    def own(self, methods: Mapping[str, Handler]) -> Endpoint:
        """An endpoint for this node's own page and its operator."""
        return self._endpoint(methods, {}, {})

    def charge(self, key: str) -> None:
        """Count a request of `key`; raises `Refused` when there are too many."""
        wait_s = self._buckets.take(key, time.monotonic())
        if wait_s > 0:
            limit = self._requests_per_minute
            raise Refused(
                429,
                f"limit requests_per_minute={limit} reached; wait, or raise it",
                retry_after_s=math.ceil(wait_s),
                members={"limit": "requests_per_minute", "maximum": limit},
            )

    def _endpoint(
        self,
        methods: Mapping[str, Handler],
        headers: Mapping[str, str],
        accepts: Mapping[str, str],
    ) -> Endpoint:
        allow = ", ".join([*methods, "OPTIONS"])

        async def answer(request: web.Request) -> web.StreamResponse:
            caller = self._trust.caller(request)
            if request.method == "OPTIONS":
                return _options(request, allow, accepts, cors=bool(headers))
            handler = methods.get(request.method)
            if handler is None:
                detail = f"{request.method} is not possible here, only {allow}"
                raise Refused(405, detail, headers={"Allow": allow})
            if request.method in CHANGING:
                self.charge(f"address {network(caller.address)}")
            return await handler(request, caller)

        async def endpoint(request: web.Request) -> web.StreamResponse:
            answered = await self._explained(answer, request)
            if not answered.prepared:
                answered.headers.update(headers)
            return answered

        return endpoint

    async def _explained(
        self, answer: Endpoint, request: web.Request
    ) -> web.StreamResponse:
        try:
            return await answer(request)
        except Refused as refused:
            problem = refused
        except DecodeError as error:
            problem = malformed(error)
        except LimitError as error:
            problem = full(error)
        except web.HTTPException:
            raise
        except Exception:
            _log.exception("unforeseen error in %s", request.method)
            problem = Refused(500, "this node failed; its log says more")
        self.refusals[problem.status] = self.refusals.get(problem.status, 0) + 1
        return response(problem)


def _options(
    request: web.Request, allow: str, accepts: Mapping[str, str], *, cors: bool
) -> web.Response:
    """A CORS preflight tells what a page may send, plain OPTIONS what we take.

    RFC 9725 section 4.2: the preflight carries no credentials and must need none.
    """
    if cors and "Access-Control-Request-Method" in request.headers:
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": allow,
                "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
                "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
            },
        )
    return web.Response(headers={"Allow": allow, **accepts})


def bearer(request: web.Request) -> str:
    """The caller's bearer token, "" when it has none."""
    return bearer_of(request.headers.get("Authorization", ""))


def media_type(request: web.Request) -> str:
    """The body's media type in lower case without parameters (RFC 9110 section 8.3)."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def require_type(request: web.Request, *accepted: str) -> str:
    """The body's media type; raises `Refused` (415) when it is none of `accepted`."""
    found = media_type(request)
    if found not in accepted:
        wanted = " or ".join(accepted)
        but = f"not {found}" if found else "but Content-Type is missing"
        raise Refused(
            415,
            f"the body must be {wanted}, {but}",
            headers={"Accept-Patch" if request.method == "PATCH" else "Accept": wanted},
        )
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(415, "send the body without Content-Encoding")
    return found


async def read_text(request: web.Request, limit: int) -> str:
    """The body as UTF-8 text of at most `limit` bytes (413 beyond it)."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise Refused(408, "the body did not arrive in time") from None
    except web.PayloadAccessError as error:
        raise Refused(400, "the body is broken off") from error
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8 at byte {error.start}") from None


def _too_large(limit: int) -> Refused:
    return Refused(
        413,
        f"limit sdp_bytes={limit} reached: the body is larger",
        members={"limit": "sdp_bytes", "maximum": limit},
    )
