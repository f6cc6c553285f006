"""What travelled under which transport-wide number, for a second or two.

Transport-wide feedback says within 50 to 100 ms which packets did not arrive.  That is
earlier than a browser that only watches repeats a NACK, and it also covers NACKs and
retransmissions that were lost themselves.  To act on it, a number must lead back to the
consumer and its packet.  A burst is one entry: its first number, and the first of its
packet indices when they follow each other, as they nearly always do.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from meshproto.forwarding.outputs import OutPacket

if TYPE_CHECKING:
    from meshproto.forwarding.consumer import Consumer

_ENTRIES = 256


class Sent(NamedTuple):
    """A packet of the consumer, or a retransmission of it (`repeated`)."""

    consumer: Consumer
    packet_index: int
    repeated: bool


class SentLog:
    """The last bursts of a transport, by their first transport-wide number."""

    __slots__ = ("_bursts", "_firsts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._bursts: list[tuple[Consumer, int, int | list[int], bool]] = []

    def note(self, first: int, consumer: Consumer, out: list[OutPacket]) -> None:
        """A burst of the consumer's own packets left, numbered from `first` on."""
        low, count = out[0][3], len(out)
        indices: int | list[int] = low
        if out[-1][3] - low != count - 1:
            indices = [index for _, _, _, index in out]
        self._add(first, (consumer, count, indices, False))

    def note_repeated(self, first: int, consumer: Consumer, indices: list[int]) -> None:
        """The same for retransmissions of `indices`."""
        self._add(first, (consumer, len(indices), indices, True))

    def find(self, number: int) -> Sent | None:
        """What number `number` (extended) carried; None if it is not known any more."""
        at = bisect_right(self._firsts, number) - 1
        if at < 0:
            return None
        consumer, count, indices, repeated = self._bursts[at]
        step = number - self._firsts[at]
        if step >= count:
            return None
        index = indices + step if isinstance(indices, int) else indices[step]
        return Sent(consumer, index, repeated)

    def _add(
        self, first: int, burst: tuple[Consumer, int, int | list[int], bool]
    ) -> None:
        self._firsts.append(first)
        self._bursts.append(burst)
        if len(self._firsts) > _ENTRIES:
            del self._firsts[: _ENTRIES // 4], self._bursts[: _ENTRIES // 4]
