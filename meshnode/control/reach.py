"""How can others reach this node? A verdict from what the node saw itself.

Answers to our own checks and probes name the address that the far end saw (STUN's
XOR-MAPPED-ADDRESS).  Where it is one of ours there is no NAT.  Where it is another, a
NAT stands between: if somebody nevertheless connected to us there, ports are forwarded
or the NAT lets strangers in, and the router may have granted just that (`--map-port`);
if every far end sees another port, not even hole punching works between two such nodes,
and only a relayed path is left.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from meshnode.control.seam import Address
from meshproto.wire.control.peer import MediaAddress, Reach

SEEN_MAX = 16
"""Addresses we were seen under; more than a few means a new one for each far end."""


class Reachability:
    """Collects what was seen and judges it."""

    def __init__(self, own: Iterable[Address]) -> None:
        self._own = frozenset(own)
        self._seen: dict[Address, dict[Address, None]] = {}
        self._inbound = False
        self._granted: tuple[Address, ...] = ()

    def granted(self, address: Address | None) -> None:
        """The router lets others in under `address`, or (None) does not any more."""
        self._granted = () if address is None else (address,)

    def mapped(self, address: Address, by: Address) -> bool:
        """The far end `by` sees us as `address`; whether that is news."""
        if not _public(by[0]) and _public(address[0]):
            return False  # a far end inside our network cannot see the outside
        self._unsee(by, but=address)
        seen = self._seen.get(address)
        if seen is None:
            if len(self._seen) >= SEEN_MAX:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[address] = {}
        fresh = not seen
        if len(seen) < SEEN_MAX:
            seen[by] = None
        return fresh

    def _unsee(self, by: Address, *, but: Address) -> None:
        """The newest view of a far end is the only one: a NAT that restarted has other
        addresses, and the old ones are nobody's or a stranger's.
        """
        for address, seen in tuple(self._seen.items()):
            if address != but and by in seen:
                del seen[by]
                if not seen:
                    del self._seen[address]

    def called(self) -> None:
        """Somebody whom we had not asked connected to us."""
        self._inbound = True

    def _telling(self) -> dict[Address, dict[Address, None]]:
        """What counts: of the outside's view, if there is one, nothing else."""
        outside = {
            address: by for address, by in self._seen.items() if any(map(_far, by))
        }
        return outside or self._seen

    @property
    def mapped_addresses(self) -> tuple[Address, ...]:
        """Those that are not ours: what the router granted, then seen by most first."""
        telling = self._telling()
        found = [a for a in telling if a not in self._own]
        found.sort(key=lambda a: -len(telling[a]))
        return tuple(dict.fromkeys((*self._granted, *found)))

    @property
    def verdict(self) -> Reach | None:
        """How we can be reached, None while nobody has seen us."""
        telling = self._telling()
        outside = [a for a in self.mapped_addresses if a in telling]
        if len(outside) < len(telling):
            return Reach.DIRECT
        if self._granted:
            return Reach.MAPPED
        if not telling:
            return Reach.DIRECT if self._inbound else None
        if self._inbound:
            return Reach.MAPPED
        steady = any(len(telling[address]) > 1 for address in outside)
        return Reach.PUNCHED if steady or len(outside) == 1 else Reach.RELAYED


WORDS = {
    Reach.DIRECT: "direct: others reach it at its own address",
    Reach.MAPPED: "mapped: behind a NAT that lets others in",
    Reach.PUNCHED: "hole-punch only: behind a NAT, links need both ends to knock",
    Reach.RELAYED: "relay only: behind a NAT that gives every peer another port",
}
"""The verdicts as people read them."""


def media_addresses(addresses: Iterable[Address]) -> tuple[MediaAddress, ...]:
    """Addresses as a peer record holds them, at most four."""
    return tuple(
        MediaAddress(ipaddress.ip_address(host).packed, port)
        for host, port in addresses
    )[:4]


def _far(by: Address) -> bool:
    return _public(by[0])


@lru_cache(maxsize=1024)
def _public(host: str) -> bool:
    return ipaddress.ip_address(host).is_global
