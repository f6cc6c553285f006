"""The HTTP half of a WHIP or WHEP client (RFC 9725, draft-ietf-wish-whep).

One POST with a complete offer, one answer, one DELETE: this client gathers before it
offers, so there is nothing to trickle.  It follows 307 and 308 and takes its bearer
along only to the same origin, because a redirect is how a node passes a viewer on to a
stranger's node.  While a stream has no publisher (409) or a node is full (503) the
server says when to ask again; `patience_s` bounds how long we do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp

from meshnode.client.urls import same_origin
from meshproto.errors import MeshError

SDP = "application/sdp"
REDIRECTS_MAX = 5
RETRY_DEFAULT_S = 2.0
RETRY_MAX_S = 10.0
ANSWER_BYTES_MAX = 1 << 18
REQUEST_TIMEOUT_S = 10.0
DELETE_TIMEOUT_S = 3.0
RETRIED = frozenset({409, 503})


class RejectedError(MeshError):
    """The server refused; the text says what it said, `status` its code."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"the server answered {status}: {detail}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Opened:
    """A session: the answer, and where it is ended ("" if the server did not say)."""

    answer: str
    location: str


@dataclass(frozen=True, slots=True)
class _Again:
    after_s: float
    reason: RejectedError


class Signalling:
    """Opens and closes one session at `url`."""

    def __init__(self, http: aiohttp.ClientSession, url: str, bearer: str = "") -> None:
        self._http = http
        self._url = url
        self._target = url
        self._bearer = bearer
        self._opened: Opened | None = None

    def go_to(self, url: str) -> None:
        """Ask another node first; the bearer stays with the one it was given for."""
        self._target = url

    async def open(
        self,
        offer: str,
        patience_s: float = 0.0,
        on_wait: Callable[[str], None] | None = None,
    ) -> Opened:
        """Exchange `offer` for an answer; `on_wait` hears why we must wait.

        Raises `RejectedError`, or `aiohttp.ClientError` and `TimeoutError` when nobody
        answers.
        """
        deadline = time.monotonic() + patience_s
        while True:
            outcome = await self._post(offer)
            if isinstance(outcome, Opened):
                self._opened = outcome
                return outcome
            if time.monotonic() + outcome.after_s > deadline:
                raise outcome.reason
            if on_wait is not None:
                on_wait(str(outcome.reason))
            await asyncio.sleep(outcome.after_s)

    async def close(self) -> None:
        """End the session at the server; errors do not matter any more."""
        opened, self._opened = self._opened, None
        if opened is None or not opened.location:
            return
        timeout = aiohttp.ClientTimeout(total=DELETE_TIMEOUT_S)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            headers = self._headers(opened.location)
            async with self._http.delete(
                opened.location, headers=headers, timeout=timeout
            ) as response:
                await response.read()

    async def _post(self, offer: str) -> Opened | _Again:
        """Ask the node that was chosen, and the one that was named if that fails."""
        target, self._target = self._target, self._url
        if target != self._url:
            try:
                outcome = await self._ask(target, offer)
            except (RejectedError, aiohttp.ClientError, TimeoutError):
                outcome = None
            if isinstance(outcome, Opened):
                return outcome
        return await self._ask(self._url, offer)

    async def _ask(self, url: str, offer: str) -> Opened | _Again:
        for _ in range(REDIRECTS_MAX + 1):
            async with self._http.post(
                url,
                data=offer.encode(),
                headers={**self._headers(url), "Content-Type": SDP, "Accept": SDP},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
            ) as response:
                if response.status in {307, 308} and "Location" in response.headers:
                    onward = urljoin(url, response.headers["Location"])
                    if url.startswith("https:") and not onward.startswith("https:"):
                        raise RejectedError(307, "a redirect from https to http")
                    url = onward
                    continue
                return await _outcome(url, response)
        raise RejectedError(307, "too many redirects")

    def _headers(self, url: str) -> dict[str, str]:
        if self._bearer and same_origin(url, self._url):
            return {"Authorization": f"Bearer {self._bearer}"}
        return {}


async def _outcome(url: str, response: aiohttp.ClientResponse) -> Opened | _Again:
    body = await response.content.read(ANSWER_BYTES_MAX)
    text = body.decode("utf-8", "replace")
    if response.status in {200, 201} and response.content_type.lower() == SDP:
        location = response.headers.get("Location", "")
        return Opened(text, urljoin(url, location) if location else "")
    rejected = RejectedError(response.status, _said(response, text))
    if response.status in RETRIED:
        return _Again(_retry_after_s(response.headers.get("Retry-After", "")), rejected)
    raise rejected


def _said(response: aiohttp.ClientResponse, text: str) -> str:
    """The sentence for people in a refusal (RFC 9457), or what there is."""
    if response.status < 300:
        return f"with {response.content_type} instead of {SDP}"
    with contextlib.suppress(ValueError):
        problem = json.loads(text)
        if isinstance(problem, dict) and isinstance(problem.get("detail"), str):
            return str(problem["detail"])[:500]
    plain = " ".join(text.split())
    is_page = "html" in response.content_type
    return plain[:200] if plain and not is_page else str(response.reason)


def _retry_after_s(value: str) -> float:
    """Seconds of a Retry-After header; dates and nonsense count as the default."""
    try:
        seconds = float(value)
    except ValueError:
        return RETRY_DEFAULT_S
    if not math.isfinite(seconds):
        return RETRY_DEFAULT_S
    return min(max(seconds, 0.1), RETRY_MAX_S)
