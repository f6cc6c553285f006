"""Cuts of the network: who cannot send to whom (RFC 0012 section 4.4).

A cut divides the nodes into side 0 and side 1.  It stops both directions, or only
what side 0 sends, and all pairs across or only a share of them; which pairs belongs to
the cut, not to the order of packets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meshsim.weather import pair_chance


@dataclass(frozen=True, slots=True)
class Cut:
    """`sides[node]` is 0 or 1; see `cut`."""

    name: str
    sides: bytes
    one_way: bool = False
    share: float = 1.0
    salt: int = 0

    def stops(self, src: int, dst: int) -> bool:
        """Whether a packet from `src` to `dst` is lost."""
        side = self.sides[src]
        if side == self.sides[dst] or (self.one_way and side):
            return False
        if self.share >= 1.0:
            return True
        low, high = (src, dst) if src < dst else (dst, src)
        return pair_chance(self.salt, low, high) < self.share


def cut(
    name: str,
    size: int,
    inside: Iterable[int],
    *,
    one_way: bool = False,
    share: float = 1.0,
    salt: int = 0,
) -> Cut:
    """A cut between the nodes `inside` (side 0) and the rest of `size` nodes."""
    sides = bytearray(b"\x01" * size)
    for node in inside:
        sides[node] = 0
    return Cut(name, bytes(sides), one_way, share, salt)
