"""Randomness, handed in (RFC 0001 section 3): no machine draws its own.

`random.Random` satisfies the protocol; the runtime hands in a system source, the
simulator a seeded one, so that the same seed gives the same run.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Chance(Protocol):
    """The part of `random.Random` that the machines use."""

    def random(self) -> float:
        """A float in [0, 1)."""
        ...

    def randrange(self, stop: int, /) -> int:
        """An integer in [0, stop)."""
        ...

    def choice(self, seq: Sequence[T], /) -> T:
        """One element of a sequence that is not empty."""
        ...

    def sample(self, population: Sequence[T], k: int) -> list[T]:
        """`k` different elements; `k` is at most the length."""
        ...

    def shuffle(self, x: MutableSequence[Any], /) -> None:
        """Reorder in place."""
        ...
