"""By which node to enter: `/api/entries`, and 307 (RFC 0004 section 13).

    GET /api/entries?stream=S    candidate nodes with their WHEP URL and STUN address,
                                 the delay from the origin to each, load and free slots

Clients that can measure (the page, `meshnode play`) take the node with the least sum of
that delay and their own.  Plain WHEP clients stay where they asked, unless this node is
full or drains: then they are sent on by 307.

What other nodes say of their doors is a stranger's text, so a URL is only passed on
when it is a bare http or https origin, never from https to http, and only to addresses
of a kind that the viewer can reach anyhow: nobody's page shall be pointed at a printer
in its own network by a node far away.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol
from urllib.parse import quote, urlsplit

from aiohttp import web

from meshnode.signalling.doorway import Handler
from meshnode.signalling.passes import PARAMETER, Passes
from meshnode.signalling.stream import stream_name
from meshnode.signalling.trust import Caller, host_name, is_loopback, parse_address
from meshproto.ids import NodeId
from meshproto.wire import peer_id

ENTRIES_MAX = 9
URL_CHARACTERS_MAX = 128


class Scope(IntEnum):
    """How far an address is good: wider ones can be told to anybody narrower."""

    MACHINE = 0
    SITE = 1
    WORLD = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A node to enter by.  `base` is its URL without a path, `stun` HOST:PORT of its
    media port; `cost_s` is one way from the origin, None where it is not known.
    """

    node: NodeId
    base: str
    stun: str
    cost_s: float | None
    slots: int
    load: float
    here: bool = False

    def whep(self, stream: str) -> str:
        """Where to watch."""
        return f"{self.base}/whep/{quote(stream, safe='')}"


class Nearby(Protocol):
    """What is known of other nodes."""

    def own(self, stream: str) -> Entry:
        """The own door."""

    def others(self, stream: str) -> Sequence[Entry]:
        """Other nodes that a viewer of the stream may enter by, the best first."""


def scope_of_host(host: str) -> Scope:
    """How far a host name or address is good."""
    if is_loopback(host):
        return Scope.MACHINE
    address = parse_address(host)
    if address is None:
        return Scope.WORLD
    private = address.is_private or address.is_link_local
    return Scope.SITE if private and not _shared(address) else Scope.WORLD


def _shared(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Documentation networks count as private for Python, and are nobody's site."""
    return any(address in network for network in _DOCUMENTATION)


_DOCUMENTATION = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
    )
)


def base_of(url: str, *, secure: bool, scope: Scope) -> str:
    """A node's URL as it may be told to a viewer of `scope`, "" if it may not.

    `secure`: the viewer came by https.
    """
    if len(url) > URL_CHARACTERS_MAX:
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    extra = (
        parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    )
    if parts.scheme not in {"http", "https"} or not host or extra:
        return ""
    if not host.isascii() or any(c.isspace() or ord(c) < 33 for c in url):
        return ""
    if (secure and parts.scheme != "https") or scope_of_host(host) < scope:
        return ""
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}"


class Onward:
    """Sends viewers on; `secure` tells whether viewers come to this node by https."""

    def __init__(
        self, nearby: Nearby, passes: Passes, secure: Callable[[], bool]
    ) -> None:
        self._nearby = nearby
        self._passes = passes
        self._secure = secure

    def url(self, stream: str, address: str) -> str | None:
        """Where a viewer at `address` may go instead, with a pass; None: nowhere."""
        for entry in self.entries(stream, scope_of_host(address)):
            if entry.slots > 0:
                token = self._passes.issue(entry.node, stream)
                return f"{entry.whep(stream)}?{PARAMETER}={token}"
        return None

    def entries(self, stream: str, scope: Scope) -> list[Entry]:
        """Other nodes, as far as they may be told to a viewer of `scope`."""
        found = []
        for entry in self._nearby.others(stream)[:ENTRIES_MAX]:
            base = base_of(entry.base, secure=self._secure(), scope=scope)
            if base:
                found.append(replace(entry, base=base))
        return found

    def arrived(self, request: web.Request, stream: str) -> bool:
        """Whether somebody was sent here: served or refused, but not sent on."""
        return self._passes.redeem(request.query.get(PARAMETER, ""), stream)

    def own(self, stream: str) -> Entry:
        """The own door."""
        return self._nearby.own(stream)


class Entries:
    """Handler of `/api/entries`; without a mesh the list has this node alone."""

    def __init__(self, onward: Callable[[], Onward | None]) -> None:
        self._onward = onward

    def methods(self) -> dict[str, Handler]:
        """What the resource answers to."""
        return {"GET": self.get}

    async def get(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """The nodes to choose from, this one first."""
        name = stream_name(request.query.get("stream", ""))
        onward, listed = self._onward(), []
        if onward is not None:
            listed = [onward.own(name)]
            listed += onward.entries(name, self._scope(request, caller))
        rows = [_row(entry, name) for entry in listed[:ENTRIES_MAX]]
        answer = {"stream": name, "partial": True, "entries": rows}
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def _scope(self, request: web.Request, caller: Caller) -> Scope:
        """The narrower of where the viewer is and how it called us."""
        host = host_name(request.headers.get("Host", ""))
        return max(scope_of_host(caller.address), scope_of_host(host))


def _row(entry: Entry, stream: str) -> dict[str, object]:
    cost_s = entry.cost_s
    return {
        "node": peer_id.to_text(entry.node),
        "whep": entry.whep(stream),
        "stun": entry.stun,
        "cost_ms": None if cost_s is None else round(cost_s * 1000, 1),
        "load": round(entry.load, 2),
        "slots": entry.slots,
        "here": entry.here,
    }
