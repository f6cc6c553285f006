"""Jitter and bursty loss of one path: models with closed forms (RFC 0012 section 4.3).

Loss is Gilbert and Elliott's two states, in continuous time: a path is good or bad, and
in the bad state each packet is lost with probability `bad_loss`.  A state that is seen
gets the time at which it ends, so packets before that cost one comparison; the state
after a longer pause has a closed form, and sampled checks meet the same bursts as real
packets.

Jitter is an exponential delay whose mean belongs to the pair: drawn once from a
log-normal law fitted to the deviations of public pings (median 0.7 ms, p90 8.8 ms).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

JITTER_MEDIAN_S = 0.0007
JITTER_P90_S = 0.0088
_JITTER_SIGMA = math.log(JITTER_P90_S / JITTER_MEDIAN_S) / NormalDist().inv_cdf(0.9)
JITTER_MEAN_MAX_S = 0.1  # why: the law's own tail has minutes in it

_MASK = (1 << 64) - 1


def pair_chance(seed: int, a: int, b: int) -> float:
    """A number in (0, 1) that belongs to the pair, whatever happened before.

    SplitMix64's finaliser over the three numbers: a pair's luck must not depend on the
    order in which pairs first talk.
    """
    x = (
        seed * 0x9E3779B97F4A7C15 + a * 0xBF58476D1CE4E5B9 + b * 0x94D049BB133111EB
    ) & (_MASK)
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return (((x ^ (x >> 31)) >> 11) + 0.5) / (1 << 53)


def pair_jitter_s(seed: int, a: int, b: int) -> float:
    """The mean jitter of a pair (both directions), seconds."""
    luck = pair_chance(seed, min(a, b), max(a, b))
    spread = math.exp(_JITTER_SIGMA * NormalDist().inv_cdf(luck))
    return min(JITTER_MEDIAN_S * spread, JITTER_MEAN_MAX_S)


@dataclass(frozen=True, slots=True)
class Loss:
    """Mean loss `share`, in bursts of `burst_s` seconds on average.

    `burst_s` 0 makes losses independent.  `ValueError` if the share cannot be had.
    """

    share: float = 0.0
    burst_s: float = 0.0
    bad_loss: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"loss {self.share} is not a share from 0 to 1")
        if self.burst_s < 0.0 or not 0.0 < self.bad_loss <= 1.0:
            raise ValueError("bursts need burst_s >= 0 and bad_loss in (0, 1]")
        if self.burst_s and self.share >= self.bad_loss:
            raise ValueError(
                f"loss {self.share} cannot come in bursts that lose {self.bad_loss}"
            )

    @property
    def bad_share(self) -> float:
        """The share of time in the bad state."""
        return self.share / self.bad_loss

    @property
    def good_s(self) -> float:
        """How long the good state lasts on average."""
        bad = self.bad_share
        return self.burst_s * (1.0 - bad) / bad if bad else math.inf

    @property
    def fade_per_s(self) -> float:
        """Sum of both transition rates: how fast the past is forgotten."""
        return 1.0 / (self.burst_s * (1.0 - self.bad_share))


class Burst:
    """The state of one direction of one path."""

    __slots__ = ("_bad", "_loss", "_share", "_until")

    def __init__(self, loss: Loss) -> None:
        self._loss = loss
        self._share = loss.share if not loss.burst_s else loss.bad_loss
        self._bad = not loss.burst_s
        self._until = -1.0 if loss.burst_s else math.inf

    def lost(self, now: float, chance: Callable[[], float]) -> bool:
        """Whether a packet sent at `now` is lost; `chance` draws from [0, 1)."""
        if now >= self._until:
            self._change(now, chance)
        return self._bad and chance() < self._share

    def _change(self, now: float, chance: Callable[[], float]) -> None:
        """Draw the state at `now`, and how long it lasts."""
        loss = self._loss
        likely = loss.bad_share
        if self._until >= 0.0:
            # the other state began at `_until`; what is left of it then is this
            faded = math.exp(-loss.fade_per_s * (now - self._until))
            likely += ((0.0 if self._bad else 1.0) - likely) * faded
        self._bad = chance() < likely
        mean_s = loss.burst_s if self._bad else loss.good_s
        self._until = now - mean_s * math.log(1.0 - chance())
