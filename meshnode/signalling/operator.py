"""For the operator: health, status, metrics, and the commands that change something.

    GET /healthz /readyz                everywhere
    GET /status /metrics                admin address, elsewhere with an admin token
    POST /drain                         the same, and on the admin address only for
    DELETE /streams/{stream}            callers on this machine

A page that a browser has open may POST to the admin address without being able to read
the answer, so a command wants more than reaching it: no foreign Origin and no proxy in
between, or a token.
"""

from __future__ import annotations

import time
from typing import Protocol

from aiohttp import web

from meshnode.observe.health import Health
from meshnode.observe.metrics import CONTENT_TYPE, NodeMetrics
from meshnode.observe.status import NodeStatus
from meshnode.signalling.access import Gatekeeper
from meshnode.signalling.doorway import Doorway, Endpoint, Handler, bearer
from meshnode.signalling.problems import Refused
from meshnode.signalling.trust import Caller


class Node(Protocol):
    """What the operator's handlers need of the node."""

    def status(self) -> NodeStatus:
        """What there is to say."""

    def start_draining(self) -> None:
        """Take no new sessions and move the others away."""

    def end_stream(self, name: str) -> bool:
        """End a stream; False when there is none."""


class Operator:
    """Routes of one listener; `trusted` is true on the admin address."""

    def __init__(
        self,
        node: Node,
        health: Health,
        gatekeeper: Gatekeeper,
        doorway: Doorway,
        *,
        trusted: bool,
    ) -> None:
        self._node = node
        self._health = health
        self._gatekeeper = gatekeeper
        self._doorway = doorway
        self._trusted = trusted
        self._metrics = NodeMetrics(node.status)

    def endpoints(self) -> dict[str, Endpoint]:
        """Path to endpoint."""
        own = self._doorway.own
        return {
            "/healthz": own(_reading(self.healthz)),
            "/readyz": own(_reading(self.readyz)),
            "/status": own(_reading(self.status)),
            "/metrics": own(_reading(self.metrics)),
            "/drain": own({"POST": self.drain}),
            "/streams/{stream}": own({"DELETE": self.end_stream}),
        }

    async def healthz(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """Whether the process answers."""
        return _plain("ok")

    async def readyz(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """Whether new sessions are welcome."""
        if not self._health.ready:
            phase = self._health.phase.value
            raise Refused(503, f"this node is {phase}", retry_after_s=5)
        return _plain("ready")

    async def status(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """Everything there is to say, as JSON."""
        self._check_reader(request)
        headers = {"Cache-Control": "no-store"}
        return web.json_response(self._node.status().json(), headers=headers)

    async def metrics(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """The figures, for Prometheus."""
        self._check_reader(request)
        headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        return web.Response(body=self._metrics.text(), headers=headers)

    async def drain(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Begin to drain; `/status` tells how it goes."""
        self._check_command(request, caller)
        self._node.start_draining()
        return web.json_response({"state": "draining"}, status=202)

    async def end_stream(
        self, request: web.Request, caller: Caller
    ) -> web.StreamResponse:
        """End a stream, publisher and viewers."""
        self._check_command(request, caller)
        name = request.match_info["stream"]
        if not self._node.end_stream(name):
            raise Refused(404, "there is no such stream")
        return web.json_response({"ended": name})

    def _check_reader(self, request: web.Request) -> None:
        if not self._trusted:
            self._gatekeeper.admin(bearer(request), time.time())

    def _check_command(self, request: web.Request, caller: Caller) -> None:
        if not (self._trusted and caller.local):
            self._gatekeeper.admin(bearer(request), time.time())


def _reading(handler: Handler) -> dict[str, Handler]:
    return {"GET": handler, "HEAD": handler}


def _plain(text: str) -> web.Response:
    return web.Response(text=f"{text}\n", headers={"Cache-Control": "no-store"})
