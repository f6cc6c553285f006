"""WHIP and WHEP for light clients inside a namespace: one POST, then media.

HTTP is blocking and goes through a thread, because the socket has to be made inside the
namespace; the media socket is made there too and used from everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bench.doors import offer, remote_of
from support.lab.namespaces import inside
from support.light_client import LightClient
from support.node import KEY

TIMEOUT_S = 10.0
REDIRECTS_MAX = 3
Client = TypeVar("Client", bound=LightClient)


class RefusedError(Exception):
    """A node's answer that was not 201; `status` is its number, 0 for none."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status} {said}")
        self.status = status


class LabClient(LightClient):
    """A light client whose host may be gone: then nobody hears it."""

    def send(self, datagram: bytes) -> None:
        """See `LightClient.send`."""
        with contextlib.suppress(OSError):
            super().send(datagram)


def request(
    namespace: str, method: str, url: str, body: str = ""
) -> tuple[int, dict[str, str], str]:
    """One HTTP request made inside the namespace: status, headers, body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=TIMEOUT_S
    )
    with inside(namespace):
        connection.connect()
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {KEY}"}
    with contextlib.closing(connection):
        connection.request(method, parts.path, body.encode(), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    return answer.status, dict(answer.getheaders()), text


def _post(namespace: str, url: str, body: str) -> tuple[str, str]:
    for _ in range(REDIRECTS_MAX):
        status, headers, text = request(namespace, "POST", url, body)
        location = headers.get("Location", "")
        if status == 201:
            return text, _absolute(url, location)
        if status != 307:
            raise RefusedError(status, text[:300])
        url = _absolute(url, location)
    raise RefusedError(0, "redirected in circles")


def _absolute(url: str, location: str) -> str:
    parts = urlsplit(url)
    whole = "://" in location
    return location if whole else f"{parts.scheme}://{parts.netloc}{location}"


async def open_session(
    make: Callable[..., Client],
    namespace: str,
    url: str,
    direction: str,
    **options: Any,
) -> tuple[Client, str]:
    """A connected client made by `make`, and the URL of its session.

    Raises `RefusedError`, `OSError` and `TimeoutError`.
    """
    ufrag = secrets.token_hex(4)
    text, session = await asyncio.to_thread(
        _post, namespace, url, offer(ufrag, direction)
    )
    remote, address = remote_of(text)
    with inside(namespace):
        client = make(address, remote, ufrag=ufrag, **options)
    await client.connect()
    return client, session
