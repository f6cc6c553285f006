"""Serial numbers that wrap: the order of RFC 8966 section 3.2.1, modulo 2^16.

`a` is newer than `b` when it is ahead by less than half the circle.  Exactly half a
circle apart neither is newer, so an attacker gains nothing by jumping there.
"""

from __future__ import annotations

MODULUS = 1 << 16
_HALF = MODULUS >> 1


def newer(a: int, b: int) -> bool:
    """Whether serial `a` is strictly newer than `b`."""
    return 0 < (a - b) % MODULUS < _HALF


def following(number: int, steps: int = 1) -> int:
    """The serial `steps` after `number`."""
    return (number + steps) % MODULUS
