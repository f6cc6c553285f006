"""The node's HTTP faces: the public one, the operator's, and one for each dialect that
has a port of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from aiohttp import web

from meshnode.config import Endpoint
from meshnode.node import parts as assembly
from meshnode.node.listeners import Listener, server_context
from meshnode.node.parts import Parts
from meshnode.signalling import routes
from meshnode.signalling.dialects import polling
from meshnode.signalling.dialects.sfu_go_http import SfuGoDoor
from meshnode.signalling.dialects.socket import SocketLimits
from meshnode.signalling.doorway import Doorway
from meshnode.signalling.endpoints import House
from meshnode.signalling.lobby import Lobby
from meshnode.signalling.operator import Node, Operator
from meshnode.signalling.routes import Front
from meshnode.signalling.seeing import Seeing, Seer
from meshproto.wire import peer_id


class Whole(Node, Seer, Protocol):
    """What both faces ask of the node."""


class Http:
    """All listeners; `add_routes` serves the public one from another program."""

    def __init__(self, node: Whole, parts: Parts) -> None:
        settings = parts.settings
        self._node = node
        self._parts = parts
        self._public = assembly.doorway(settings, settings.http_endpoint.host)
        self._admin = assembly.doorway(settings, settings.admin_endpoint.host)
        self._guards = [self._public, self._admin]
        context = server_context(settings.tls_cert, settings.tls_key)
        self._polling = self._lobby(polling.NAME)
        self._listeners = [
            Listener("--http", settings.http_endpoint, self._public_app(), context),
            Listener("--admin", settings.admin_endpoint, self._admin_app()),
        ]
        for name, endpoint in settings.dialect_endpoints.items():
            app = self._dialect_app(name, endpoint.host)
            flag = f"--dialects {name}="
            self._listeners.append(Listener(flag, endpoint, app, context))
        self._open: list[Listener] = []

    async def open(self) -> None:
        """Bind all.  Raises `StateError` naming the flag of the one that is taken."""
        for listener in self._listeners:
            await listener.open()
            self._open.append(listener)

    async def close(self) -> None:
        """Stop listening."""
        while self._open:
            await self._open.pop().close()

    def shed(self, now: float) -> None:
        """Close connections that never asked anything."""
        for listener in self._open:
            listener.shed(now)

    def urls(self) -> dict[str, str]:
        """Where things are, as URLs."""
        settings = self._parts.settings
        if not self._open:
            return {"page": settings.public_url} if settings.public_url else {}
        public, admin, *dialects = self._open
        reached = self._reached(public)
        origin = settings.public_url or f"{public.scheme}://{reached}"
        return {
            "local": f"{public.scheme}://{public.local()}/",
            "page": f"{origin}/",
            "whip": f"{origin}/whip/",
            "whep": f"{origin}/whep/",
            "admin": f"http://{self._reached(admin)}",
            **self._dialect_urls(dialects),
        }

    def _dialect_urls(self, listeners: Iterable[Listener]) -> dict[str, str]:
        names = self._parts.settings.dialect_endpoints
        paths = {"monoport": "sdp"}
        return {
            name: f"{each.scheme.replace('http', 'ws')}://{self._reached(each)}/"
            f"{paths.get(name, '')}"
            for name, each in zip(names, listeners, strict=True)
        }

    def _reached(self, listener: Listener) -> Endpoint:
        """How to reach a listener: a wildcard has no address, so the best one of ours
        stands for it.
        """
        host, port = listener.endpoint
        if host in {"0.0.0.0", "::"}:
            here = self._parts.advertiser(False)
            fits = [a for a, _ in here if host == "::" or ":" not in a]
            host = fits[0] if fits else "127.0.0.1"
        return Endpoint(host, port)

    def refusals(self) -> dict[str, int]:
        """How many requests were refused, by status."""
        counted: dict[str, int] = {}
        for guard in self._guards:
            for status, count in guard.refusals.items():
                counted[str(status)] = counted.get(str(status), 0) + count
        counted["malformed"] = sum(listener.malformed for listener in self._listeners)
        return counted

    def add_routes(
        self, app: web.Application, prefix: str, names: Iterable[str]
    ) -> None:
        """Add the public face below `prefix`."""
        guard = assembly.doorway(
            self._parts.settings, self._parts.settings.http_endpoint.host, names
        )
        self._guards.append(guard)
        for table in self._public_tables(guard):
            app.add_routes(routes.defined(table, prefix.rstrip("/")))

    def _public_app(self) -> web.Application:
        operator = self._operator(self._public, trusted=False)
        return routes.application(
            self._public, *self._public_tables(self._public), operator.endpoints()
        )

    def _dialect_app(self, name: str, host: str) -> web.Application:
        guard = assembly.doorway(self._parts.settings, host)
        self._guards.append(guard)
        house, lobby = self._house(guard), self._lobby(name)
        return routes.application(guard, routes.dialect(name, house, lobby))

    def _lobby(self, name: str) -> Lobby:
        parts = self._parts
        return Lobby(name, parts.rooms, is_open=parts.settings.open_rooms)

    def _admin_app(self) -> web.Application:
        operator = self._operator(self._admin, trusted=True)
        seeing = Seeing(self._node, self._admin)
        return routes.application(
            self._admin,
            operator.endpoints(),
            seeing.endpoints(),
            routes.mesh_page(self._admin),
        )

    def _operator(self, guard: Doorway, *, trusted: bool) -> Operator:
        parts = self._parts
        return Operator(
            self._node, parts.health, parts.gatekeeper, guard, trusted=trusted
        )

    def _public_tables(self, guard: Doorway) -> list[routes.Table]:
        parts = self._parts
        house = self._house(guard)
        sdp_limits = assembly.sdp_limits_of(parts.settings)
        front = Front(house, parts.slots, parts.list, sdp_limits)
        polled = routes.polled(house, self._polling)
        return [
            routes.doors(front),
            routes.lists(front),
            polled,
            self._rooms_door(guard, house).endpoints(),
            routes.page(guard),
        ]

    def _house(self, guard: Doorway) -> House:
        parts = self._parts
        return House(
            parts.calls,
            guard,
            parts.gatekeeper,
            parts.health,
            parts.settings.limits.sdp_bytes,
            parts.elsewhere,
            lambda: parts.onward,
            serves_clients=parts.settings.role != "relay",
        )

    def _rooms_door(self, guard: Doorway, house: House) -> SfuGoDoor:
        parts, limits = self._parts, self._parts.settings.limits
        return SfuGoDoor(
            parts.rooms,
            guard,
            parts.gatekeeper,
            SocketLimits(
                frame_bytes=limits.socket_frame_bytes,
                per_s=limits.socket_messages_per_s,
                burst=limits.socket_burst,
            ),
            house.welcome,
            peer_id.to_text(parts.rooms.tokens.me),
            open_rooms=parts.settings.open_rooms,
            metrics=parts.settings.dialect_metrics,
        )
