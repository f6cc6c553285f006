"""Numbers that wrap: serial comparison and extension (RFC 1982, RFC 3711 appendix A).

RTP counts packets in 16 bits, time in 32, VP8 pictures in 15 or 7.  Inside the
forwarder nothing wraps: a number is extended when it enters, by taking the candidate
nearest to the highest seen, and cut to its width again when it is written.
"""

from __future__ import annotations


def newer(a: int, b: int, bits: int = 16) -> bool:
    """Whether `a` is ahead of `b` by less than half the circle (the exact half counts
    for the larger number, so that of two different numbers one is newer).
    """
    ahead = (a - b) & ((1 << bits) - 1)
    half = 1 << (bits - 1)
    return 0 < ahead < half or (ahead == half and a > b)


def nearest(value: int, reference: int, bits: int = 16) -> int:
    """The number congruent to `value` modulo 2**bits that is nearest to `reference`."""
    half = 1 << (bits - 1)
    return reference + ((value - reference + half) & ((1 << bits) - 1)) - half


class Unwrapper:
    """Extends a wrapping counter; the first value is itself."""

    __slots__ = ("bits", "highest")

    def __init__(self, bits: int = 16) -> None:
        self.bits = bits
        self.highest: int | None = None

    def extend(self, value: int, bits: int | None = None) -> int:
        """The extended number of `value`; `highest` follows it upwards.

        `bits` overrides the width for this value only (VP8 may change from a 15 bit to
        a 7 bit picture id).
        """
        if self.highest is None:
            self.highest = value
            return value
        extended = nearest(value, self.highest, bits or self.bits)
        self.highest = max(self.highest, extended)
        return extended
