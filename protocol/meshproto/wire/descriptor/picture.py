"""VP8 picture numbers of one consumer: no holes, no steps back (RFC 7741 section 4.2).

A consumer's numbers are the source's numbers minus an offset.  The offset changes at
two moments only: when a source begins (the new source goes on at the last number plus
one) and when a picture is withheld (temporal layers above the viewer's; the numbers
close up behind it).  TL0PICIDX counts base layer pictures and KEYIDX key frames, which
are withheld only by a switch, so their offsets change only there.

Packets arrive out of order.  A late packet of an earlier picture must get the number
its picture had, so the last steps of the offset are remembered with the picture from
which each applies.
"""

from __future__ import annotations

from collections import deque

from meshproto.wire.descriptor.vp8 import Numbers

STEPS_MAX = 64
"""Remembered changes of the offset; older pictures get no number any more."""


def unwrap(picture_id: int, bits: int, reference: int) -> int:
    """The number nearest to `reference` whose low `bits` bits are `picture_id`."""
    size = 1 << bits
    return reference + (picture_id - reference + size // 2) % size - size // 2


class PictureNumbers:
    """Maps the numbers of incoming pictures to those of one consumer.

    Call `switch` with the first packet of each new source (also the very first),
    `withhold` with every packet that is not forwarded on purpose, `map` with every
    packet that is.  All three take the packet's `Numbers`.
    """

    __slots__ = ("_highest", "_keyidx", "_last", "_steps", "_tl0")

    def __init__(self) -> None:
        self._highest: int | None = None
        self._steps: deque[tuple[int, int]] = deque(maxlen=STEPS_MAX)
        self._tl0 = 0
        self._keyidx = 0
        self._last: tuple[int, int, int] | None = None

    def switch(self, numbers: Numbers) -> None:
        """A new source begins: go on behind what was sent last."""
        picture, tl0, keyidx = numbers.picture_id, numbers.tl0picidx, numbers.keyidx
        self._highest = picture
        self._steps.clear()
        if self._last is None:
            self._steps.append((picture, 0))
            return
        last_picture, last_tl0, last_keyidx = self._last
        self._steps.append((picture, picture - last_picture - 1))
        self._tl0 = tl0 - last_tl0 - 1
        self._keyidx = keyidx - last_keyidx - 1

    def withhold(self, numbers: Numbers) -> None:
        """The packet's picture is not forwarded; counted once per picture."""
        if self._highest is None or not numbers.picture_bits:
            return
        picture = unwrap(numbers.picture_id, numbers.picture_bits, self._highest)
        if picture <= self._highest:
            return
        self._highest = picture
        self._steps.append((picture + 1, self._steps[-1][1] + 1))

    def map(self, numbers: Numbers) -> tuple[int, int, int] | None:
        """Picture id, TL0PICIDX and KEYIDX for the consumer, within 15, 8 and 5 bits.

        None for a packet older than everything remembered: it must not be sent.
        """
        if self._highest is None:
            self.switch(numbers)
        highest = self._highest or 0
        bits = numbers.picture_bits
        picture = unwrap(numbers.picture_id, bits, highest) if bits else highest
        offset = self._offset(picture)
        if offset is None:
            return None
        out = picture - offset
        tl0, keyidx = numbers.tl0picidx - self._tl0, numbers.keyidx - self._keyidx
        if picture >= highest:
            self._highest = picture
            self._last = (out, tl0, keyidx)
        return out & 0x7FFF, tl0 & 0xFF, keyidx & 0x1F

    def _offset(self, picture: int) -> int | None:
        steps = self._steps
        if picture >= steps[-1][0]:
            return steps[-1][1]
        for first, offset in reversed(steps):
            if picture >= first:
                return offset
        return None
