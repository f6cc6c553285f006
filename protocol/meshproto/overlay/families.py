"""Who belongs together: networks and operators, counted against quotas.

A thousand identities are free, a thousand networks are not.  So shares are counted per
/24 of IPv4, /48 of IPv6 and per operator family (RFC 0007 section 6.3).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from meshproto.wire.control.peer import PeerRecord

_PREFIX_OCTETS = {4: 3, 16: 6}
_KEYS_CACHED = 4096


@lru_cache(maxsize=_KEYS_CACHED)
def prefix_of(ip: bytes, private: bool) -> bytes:
    """The network of a packed address; empty for one that is not counted.

    Private and loopback addresses cannot be held by strangers from outside, so they
    count only if `private`.
    """
    octets = _PREFIX_OCTETS.get(len(ip))
    if octets is None:
        return b""
    address = ip_address(ip)
    if not private and (address.is_private or address.is_loopback):
        return b""
    return ip[:octets]


def keys_of(peer: PeerRecord, private: bool) -> tuple[bytes | str, ...]:
    """The families of a peer: its networks as octets, its operator as text."""
    keys: dict[bytes | str, None] = {}
    for address in peer.media:
        prefix = prefix_of(address.ip, private)
        if prefix:
            keys[prefix] = None
    if peer.operator:
        keys[peer.operator] = None
    return tuple(keys)


class Families:
    """How many of a set of peers share each network and operator."""

    __slots__ = ("_counts", "_per_operator", "_per_prefix")

    def __init__(self, per_prefix: int, per_operator: int) -> None:
        self._per_prefix = per_prefix
        self._per_operator = per_operator
        self._counts: dict[bytes | str, int] = {}

    def full(self, keys: tuple[bytes | str, ...]) -> str | None:
        """The label of the quota that one more such peer would break, else None."""
        for key in keys:
            count = self._counts.get(key, 0)
            if isinstance(key, bytes):
                if count >= self._per_prefix:
                    return "prefix"
            elif count >= self._per_operator:
                return "operator"
        return None

    def add(self, keys: tuple[bytes | str, ...]) -> None:
        """Count a peer with these keys."""
        for key in keys:
            self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, keys: tuple[bytes | str, ...]) -> None:
        """Count it no more."""
        for key in keys:
            left = self._counts[key] - 1
            if left:
                self._counts[key] = left
            else:
                del self._counts[key]
