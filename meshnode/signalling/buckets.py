"""Token buckets per key in a bounded table: how often one caller may knock.

A bucket holds one minute's allowance and fills evenly, so a burst after silence is
fine and a steady flood is not.  The table forgets the bucket that was idle longest:
a full bucket and an unknown one are the same thing, so forgetting idle ones is free,
and a flood of invented keys costs memory for `keys_max` buckets and no more.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

KEYS_MAX = 4096


class Buckets:
    """One allowance of `per_minute` for each key."""

    def __init__(self, per_minute: int, keys_max: int = KEYS_MAX) -> None:
        self._size = float(per_minute)
        self._rate_per_s = per_minute / 60
        self._keys_max = keys_max
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str, now: float) -> float:
        """Take one token: 0.0 when there was one, else the seconds until there is."""
        level, since = self._levels.pop(key, (self._size, now))
        level = min(self._size, level + (now - since) * self._rate_per_s)
        admitted = level >= 1.0
        self._levels[key] = (level - 1.0 if admitted else level, now)
        if len(self._levels) > self._keys_max:
            self._levels.popitem(last=False)
        return 0.0 if admitted else (1.0 - level) / self._rate_per_s


def network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 of an IPv6 address.

    A single customer commands a whole /64; counting its addresses would count nothing.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
