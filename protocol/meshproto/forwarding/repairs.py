"""The repair side of one consumer: RTX numbers, budget, waiting list (RFC 4588)."""

from __future__ import annotations

from collections import OrderedDict, deque

_REMEMBERED = 512


class Repairs:
    """What was repeated for the consumer, and what waits to be.

    `index` is the next packet index of the repair stream; `wait` holds the consumer's
    own packet indices, the oldest of which go when there are too many.  `again` holds
    (when, index) of those that are to be repeated a second time, `unsure` those that
    may have arrived: they come last.  `times`: when and how often each was repeated.
    """

    __slots__ = (
        "again",
        "answered",
        "index",
        "missed",
        "refused",
        "sent_bytes",
        "times",
        "unsure",
        "wait",
    )

    def __init__(self, first_index: int, waiting_max: int) -> None:
        self.index = first_index
        self.sent_bytes = 0
        self.answered = 0
        self.missed = 0
        self.refused = 0
        self.times: OrderedDict[int, tuple[float, int]] = OrderedDict()
        self.wait: deque[int] = deque(maxlen=waiting_max)
        self.unsure: deque[int] = deque(maxlen=waiting_max)
        self.again: deque[tuple[float, int]] = deque(maxlen=waiting_max)

    def recently(self, index: int, interval_s: float, now: float) -> bool:
        """Whether `index` was repeated less than `interval_s` ago; notes it if not."""
        sent, tries = self.times.get(index, (-interval_s, 0))
        if tries and now - sent < interval_s:
            return True
        self.times[index] = (now, tries + 1)
        self.times.move_to_end(index)
        if len(self.times) > _REMEMBERED:
            self.times.popitem(last=False)
        return False

    def tries(self, index: int) -> int:
        """How often `index` was repeated."""
        return self.times.get(index, (0.0, 0))[1]
