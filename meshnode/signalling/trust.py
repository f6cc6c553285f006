"""Whose request is this: the Host allow-list, the caller's address, the caller's site.

A browser runs other people's pages, and those can reach a node on the same machine.
Three rules keep them out.  A page whose own name was pointed at 127.0.0.1 (DNS
rebinding) still sends its own name as Host, so only known names are served at all.
Publishing without a key is for this very machine: Host and peer are loopback, nobody
forwarded the request, and the Origin, if a browser names one, is loopback too.  And
X-Forwarded-For is believed only from a configured proxy, read from the right, because
everything left of the first untrusted entry is what the client itself wrote.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from meshnode.signalling.problems import Refused

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    `here`: the connection came from this very machine.  `local`: and nothing says that
    somebody else is behind it, neither the Host nor a proxy nor a page's Origin.
    """

    address: str
    here: bool
    local: bool


def host_name(authority: str) -> str:
    """The name of a Host header or an authority: lower case, no port, no brackets."""
    text = authority.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def parse_address(text: str) -> IpAddress | None:
    """An IP address without zone; an IPv4-mapped one as IPv4; None if it is none."""
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def is_loopback(name: str) -> bool:
    """Whether a host name or address means this machine (RFC 6761 section 6.3)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = parse_address(name)
    return address is not None and address.is_loopback


def is_wildcard(name: str) -> bool:
    """Whether a bind address means every interface."""
    address = parse_address(name)
    return name == "" or (address is not None and address.is_unspecified)


class Trust:
    """What this node calls itself, and whom it believes."""

    def __init__(
        self,
        bind_host: str,
        *,
        names: Iterable[str] = (),
        public_url: str = "",
        proxies: Sequence[str] = (),
    ) -> None:
        self._names = {host_name(name) for name in names if name}
        self._names |= {host_name(urlsplit(public_url).netloc)} if public_url else set()
        self._own = self._names | {host_name(bind_host)}
        self._wildcard = is_wildcard(bind_host)
        if self._wildcard:
            machine = socket.gethostname().lower()
            self._own |= {machine, f"{machine}.local"}
        self._proxies = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]

    def allow(self, names: Iterable[str]) -> None:
        """Serve these host names too."""
        added = {host_name(name) for name in names}
        self._names |= added
        self._own |= added

    def caller(self, request: web.Request) -> Caller:
        """Who asks; raises `Refused` when the Host is not one of ours."""
        host = host_name(request.headers.get("Host", ""))
        if not self._knows(host, request):
            raise Refused(
                403,
                f"this node is not called {host!r}; "
                "start it with --public-url to serve that name",
            )
        peer = request.remote or ""
        forwarded = any(name in request.headers for name in FORWARDED)
        here = is_loopback(peer) and not forwarded
        own_page = self._from_own_page(request.headers.get("Origin"))
        return Caller(
            self._client_address(peer, request),
            here,
            here and is_loopback(host) and own_page,
        )

    def _knows(self, host: str, request: web.Request) -> bool:
        if is_loopback(host) or host in self._own:
            return True
        address = parse_address(host)
        return self._wildcard and address is not None and address == _socket_of(request)

    def _from_own_page(self, origin: str | None) -> bool:
        if origin is None:
            return True
        name = host_name(urlsplit(origin).netloc)
        return is_loopback(name) or name in self._names

    def _client_address(self, peer: str, request: web.Request) -> str:
        hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        address = peer
        for hop in reversed(hops):
            if not self._is_proxy(address) or parse_address(hop.strip()) is None:
                break
            address = hop.strip()
        return address

    def _is_proxy(self, address: str) -> bool:
        parsed = parse_address(address)
        return parsed is not None and any(parsed in net for net in self._proxies)


def _socket_of(request: web.Request) -> IpAddress | None:
    """The address of ours that the client connected to."""
    transport = request.transport
    name = transport.get_extra_info("sockname") if transport is not None else None
    return parse_address(name[0]) if isinstance(name, tuple) else None
