"""A token bucket per address prefix, in memory that never grows.

Whoever can forge a source address can invent as many prefixes as there are, so a table
with one entry per prefix seen is a way to fill memory.  This one has a fixed number of
slots in one buffer.  A keyed hash of the prefix (/24 of IPv4, /48 of IPv6: what one
network can spend freely) picks the slot and gives a 64 bit tag.  Another tag in the
slot means that the prefix was not seen lately: it takes the slot over with a full
bucket.  So every prefix gets at least one answer however many others there are, and
what a flood wins by pushing its victim's entry out, one burst per `slots` packets, is
less than it spends.  The key is secret, so nobody can choose colliding prefixes.

A bucket is one number, the time at which it will be full again (the generic cell rate
algorithm, ITU-T I.371 annex A): no refilling, no timer.
"""

from __future__ import annotations

import hashlib
import struct

from meshproto.errors import StateError

_ENTRY = struct.Struct("!Qd")
_V4_PREFIX_OCTETS = 3
_V6_PREFIX_OCTETS = 6


class PrefixBucket:
    """Answers whether a source may have one more answer now.

    `rate_per_s` answers a second and prefix, after a pause up to `burst` at once.
    `slots` bounds memory to 16 octets each.  `key` is 16 to 64 random octets.
    """

    def __init__(
        self,
        key: bytes,
        *,
        rate_per_s: float = 32.0,
        burst: int = 64,
        slots: int = 16_384,
    ) -> None:
        if rate_per_s <= 0 or burst < 1 or slots < 1 or not 16 <= len(key) <= 64:
            raise StateError("bucket: rate, burst, slots or key out of range")
        self._key = key
        self._interval_s = 1.0 / rate_per_s
        self._depth_s = burst / rate_per_s
        self._slots = slots
        self._table = bytearray(slots * _ENTRY.size)

    def take(self, host: bytes, now: float) -> bool:
        """Spend one token of the prefix of packed address `host`, if it has one."""
        octets = _V4_PREFIX_OCTETS if len(host) == 4 else _V6_PREFIX_OCTETS
        digest = hashlib.blake2b(host[:octets], key=self._key, digest_size=16).digest()
        slot = int.from_bytes(digest[:8], "big") % self._slots * _ENTRY.size
        # tag 0 is an empty slot
        tag = int.from_bytes(digest[8:], "big") or 1
        owner, full_at = _ENTRY.unpack_from(self._table, slot)
        start = max(full_at, now) if owner == tag else now
        if start + self._interval_s - now > self._depth_s * (1 + 1e-9):
            return False
        _ENTRY.pack_into(self._table, slot, tag, start + self._interval_s)
        return True
