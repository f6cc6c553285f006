"""The smallest value of the last while: what a path is like when it is empty."""

from __future__ import annotations

INFINITE = float("inf")


class WindowedMin:
    """The minimum of the last one to two `window_s`: old values fall out in halves."""

    __slots__ = ("_before", "_current", "_since", "_window_s")

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._current = self._before = INFINITE
        self._since = float("-inf")

    def add(self, value: float, now: float) -> float:
        """Take a value in; the minimum with it."""
        if now - self._since > self._window_s:
            self._before, self._current = self._current, INFINITE
            self._since = now
        self._current = min(self._current, value)
        return self.value

    @property
    def value(self) -> float:
        """The minimum; infinite before the first value."""
        return min(self._current, self._before)
