"""The HTTP listeners of a node: open, tell where, close, and shed the idle.

A taken port is one sentence that names the flag.  What arrives broken on the socket is
answered 400 by aiohttp and counted here; its own log line, a traceback for every stray
byte of a port scanner, is dropped.  Connections that never complete a request are
closed after a few seconds, because aiohttp waits for the first one without end.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError

from meshnode.config import Endpoint
from meshproto.errors import StateError

FIRST_REQUEST_S = 10.0
KEEPALIVE_S = 75.0
CONNECTIONS_MAX = 1024
SHUTDOWN_S = 1.0


class _RemoteFaults(logging.Logger):
    """aiohttp's logger for one listener: what remotes got wrong is counted."""

    def __init__(self) -> None:
        super().__init__("meshnode.http.server")
        self.parent = logging.getLogger("meshnode.http")
        self.malformed = 0
        self.addFilter(self._ours)

    def debug(self, msg: object, *args: object, **more: Any) -> None:
        """What is no HTTP at all comes this way, whatever the level."""
        if isinstance(more.get("exc_info"), HttpProcessingError):
            self.malformed += 1
        else:
            super().debug(msg, *args, **more)

    def _ours(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError | ConnectionError):
            return True
        self.malformed += 1
        return False


def server_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS for the public listener; None without a certificate.  Raises `StateError`."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise StateError(
            f"--tls-cert {certificate}: cannot be used with its key: {error}"
        ) from error
    return context


class Listener:
    """One application on one address; `flag` is what a message tells to change."""

    def __init__(
        self,
        flag: str,
        endpoint: Endpoint,
        app: web.Application,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._flag = flag if flag.endswith("=") else f"{flag} "
        self._endpoint = endpoint
        self._context = context
        self._faults = _RemoteFaults()
        self._waiting: dict[web.RequestHandler, float] = {}
        self._served: set[object] = set()
        app.middlewares.append(self._note)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=self._faults,
            handler_cancellation=True,
            keepalive_timeout=KEEPALIVE_S,
            shutdown_timeout=SHUTDOWN_S,
            auto_decompress=False,
        )

    @property
    def malformed(self) -> int:
        """How many requests were no HTTP."""
        return self._faults.malformed

    @property
    def port(self) -> int:
        """The TCP port that is bound."""
        return int(self._runner.addresses[0][1])

    @property
    def endpoint(self) -> Endpoint:
        """What is bound, with the port in place of 0."""
        return Endpoint(self._endpoint.host, self.port)

    def local(self) -> Endpoint:
        """How this machine reaches it."""
        loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        return Endpoint(
            loopback.get(self._endpoint.host, self._endpoint.host), self.port
        )

    @property
    def scheme(self) -> str:
        """The scheme of its URLs, https where there is a certificate."""
        return "http" if self._context is None else "https"

    async def open(self) -> None:
        """Bind and serve.  Raises `StateError` when that is not possible."""
        await self._runner.setup()
        host, port = self._endpoint
        try:
            if host == "::":
                await self._site_on(_dual_stack(port))
            else:
                site = web.TCPSite(self._runner, host, port, ssl_context=self._context)
                await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise StateError(
                f"{self._flag}{self._endpoint} cannot be used "
                f"{_why(error, self._flag, host)}"
            ) from error

    async def _site_on(self, bound: socket.socket) -> None:
        site = web.SockSite(self._runner, bound, ssl_context=self._context)
        await site.start()

    def shed(self, now: float) -> None:
        """Close connections that never sent a request; call about once a second."""
        server = self._runner.server
        alive = [] if server is None else server.connections
        self._served.intersection_update(alive)
        fresh = [each for each in alive if each not in self._served]
        self._waiting = {each: self._waiting.get(each, now) for each in fresh}
        excess = len(self._waiting) - CONNECTIONS_MAX
        for rank, (connection, since) in enumerate(tuple(self._waiting.items())):
            if rank < excess or now - since > FIRST_REQUEST_S:
                connection.force_close()

    @web.middleware
    async def _note(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        self._served.add(request.protocol)
        return await handler(request)

    async def close(self) -> None:
        """Stop listening and end what is open."""
        await self._runner.cleanup()


def _why(error: OSError, flag: str, host: str) -> str:
    """The reason and what to do; asyncio's own words repeat the address as a tuple."""
    if error.errno == errno.EADDRNOTAVAIL:
        return f"({host} is no address of this machine; 0.0.0.0 stands for all it has)"
    number = error.errno or 0  # resolvers count downwards
    words = os.strerror(number) if number > 0 else error.strerror or str(error)
    other = f"choose another port, or {flag}{Endpoint(host, 0)} for any free one"
    return f"({words}); {other}"


def _dual_stack(port: int) -> socket.socket:
    """A listening address for IPv6 and IPv4 alike, which asyncio would not bind."""
    bound = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if sys.platform != "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("::", port))
    except OSError:
        bound.close()
        raise
    return bound
