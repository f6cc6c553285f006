"""Packets of one track in the order of their numbers, with holes made visible.

A packet that was lost on the way is asked for again by whoever receives, so it comes
late or never.  Until it does, what follows is held back, but only so long and so much:
a recording must not stall, nor its memory grow, because one packet is gone for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshproto.forwarding.sequence import nearest

HELD_MAX = 1024
WAIT_S = 0.8
"""Longer than a publisher's packet takes by way of a few repairs."""
JUMP_MAX = 8192
"""Numbers that lie further apart belong to another source under the same name."""


class Packet(NamedTuple):
    """One RTP packet of a track: what a recording needs of it.

    `codec` is lower case; `at_s` is when it arrived, by any steady clock.
    """

    codec: str
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    at_s: float


class Ordered(NamedTuple):
    """A packet whose turn it is; `hole`: something before it is missing."""

    packet: Packet
    hole: bool


class Reorder:
    """One track.  Give packets to `push`; it answers with those whose turn it is."""

    def __init__(self) -> None:
        self._held: dict[int, Packet] = {}
        self._next: int | None = None
        self.lost = 0
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._held)

    def push(self, packet: Packet) -> Iterator[Ordered]:
        """Take a packet; duplicates and what is too late are counted and dropped."""
        if self._next is None:
            self._next = packet.sequence
        number = nearest(packet.sequence, self._next)
        if abs(number - self._next) > JUMP_MAX:
            yield from self.flush()
            yield Ordered(packet, hole=True)
            self._next = packet.sequence + 1
            return
        if number < self._next or number in self._held:
            self.repeated += 1
            return
        self._held[number] = packet
        yield from self._run(hole=False)
        while self._held and self._impatient(packet.at_s):
            yield from self._skip()

    def flush(self) -> Iterator[Ordered]:
        """Everything that is held, holes and all."""
        while self._held:
            yield from self._skip()

    def _impatient(self, now_s: float) -> bool:
        oldest = next(iter(self._held.values()))
        return len(self._held) > HELD_MAX or now_s - oldest.at_s > WAIT_S

    def _skip(self) -> Iterator[Ordered]:
        """Give up what is missing before the first packet that is here."""
        first = min(self._held)
        assert self._next is not None
        self.lost += first - self._next
        hole, self._next = first > self._next, first
        yield from self._run(hole=hole)

    def _run(self, *, hole: bool) -> Iterator[Ordered]:
        """What follows without a gap; `hole` is before the first of them."""
        assert self._next is not None
        while (packet := self._held.pop(self._next, None)) is not None:
            self._next += 1
            yield Ordered(packet, hole)
            hole = False
