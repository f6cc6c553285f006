"""Wishes, grants and refusals: what all three ways of asking have in common."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Protocol

from meshproto.wire.portmap.natpmp import Protocol as Transport

Address = tuple[str, int]

LIFETIME_S = 1_200
"""Asked for.  Short, because a router that restarts forgets, and we hear of it only
when we renew; RFC 6886 section 3.3 would have two hours."""

NOBODY_OUTSIDE = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
            *("100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "0.0.0.0/8"),
        ),
    )
)
"""Where the router's outside address shows that another translator stands behind it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A port of ours that others should reach; `outside_port` is a suggestion."""

    transport: Transport
    port: int
    outside_port: int


@dataclass(frozen=True, slots=True)
class Grant:
    """`outside` leads to the port of the wish for `lifetime_s`."""

    wish: Wish
    outside: Address
    lifetime_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, as a clause; `silent`: nothing there speaks this protocol."""

    why: str
    silent: bool = False


class Way(Protocol):
    """One protocol, spoken with one router."""

    @property
    def name(self) -> str:
        """How people call it."""

    async def grant(self, wish: Wish) -> Grant | Refusal:
        """Ask for a mapping, or for more time for one that stands."""

    async def release(self, grant: Grant) -> None:
        """Delete a mapping; that it fails is no matter, it runs out."""


def leads_nowhere(host: str) -> bool:
    """Whether an outside address cannot be one that others reach."""
    address = ipaddress.ip_address(host)
    if address.version != 4 or address.is_multicast:
        return True
    return any(address in network for network in NOBODY_OUTSIDE)
