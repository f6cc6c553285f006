"""What an attack did, in figures.

A *pair* is a message and an honest subscriber, its author aside.  Where one node is
attacked, only pairs that it is part of are counted, as author or as subscriber: an
average over the whole mesh would hide it.  *Settled* pairs are those of messages of the
last minute of publishing, when the defence has had its time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshsim.attacks.field import Field
from meshsim.network import Kind

SETTLED_S = 60.0
PROMPT_S = 1.0

Series = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of one run; shares are 0 to 1, scores without a unit.

    `delivered`, `missed` (messages that missed anybody), `p50_s` to `max_s` are of the
    whole run, `settled_...` of its last minute; `settled_prompt` is the share of pairs
    served within a second.  `mesh` is the share of mesh places of the attacked that
    sybils hold, by time; scores are means at the end, as the attacked see them;
    `octets_per_s` is what an honest node sends.
    """

    attack: str
    scale: int
    seed: int
    scoring: str
    honest: int
    sybils: int
    messages: int
    pairs: int
    delivered: float
    missed: float
    p50_s: float
    p99_s: float
    max_s: float
    settled_delivered: float
    settled_prompt: float
    settled_p50_s: float
    settled_p99_s: float
    settled_max_s: float
    mesh_peak: float
    mesh_end: float
    mesh: Series
    sybil_score: float
    sybils_negative: float
    honest_score: float
    octets_per_s: float
    events: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """Pairs of some messages, and how they fared."""

    messages: int
    pairs: int
    share: float
    missed: float
    prompt: float
    p50_s: float
    p99_s: float
    max_s: float


def delivered(field: Field, since_s: float = 0.0) -> Delivered:
    """The attacked pairs of messages published from `since_s` on."""
    record, victims = field.record, field.victims
    authors = np.array(record.authors, dtype=np.int64)
    numbers = np.array(record.messages, dtype=np.int64)
    counts = np.array(record.times_s) >= since_s
    everybody = np.isin(authors, victims)
    others = field.sizes.honest - 1
    wanted = np.where(everybody, others, len(victims)) * counts
    mine = everybody[numbers] | np.isin(np.array(record.receivers), victims)
    chosen = counts[numbers] & mine
    delays = np.array(record.delays_s)[chosen]
    got = np.bincount(numbers[chosen], minlength=len(authors))
    pairs, messages = int(wanted.sum()), int(counts.sum())
    return Delivered(
        messages,
        pairs,
        len(delays) / pairs if pairs else 1.0,
        float((got < wanted).sum()) / messages if messages else 0.0,
        float((delays <= PROMPT_S).sum()) / pairs if pairs else 1.0,
        *_spread(delays),
    )


def _spread(delays: NDArray[np.float64]) -> tuple[float, float, float]:
    if not len(delays):
        return (0.0, 0.0, 0.0)
    p50, p99 = np.percentile(delays, (50, 99))
    return float(p50), float(p99), float(delays.max())


def scores(field: Field) -> tuple[float, float, float]:
    """Mean score of sybils, share of them below 0, mean score of the honest; all of
    subscribers as the attacked nodes see them at the end.
    """
    bad: list[float] = []
    good: list[float] = []
    now, topic = field.engine.now, field.setup.topic
    for host in field.targets:
        for node in host.router.subscribers(topic):
            side = bad if field.is_sybil(node) else good
            side.append(host.router.score(node, now))
    below = sum(score < 0 for score in bad) / len(bad) if bad else 0.0
    return _mean(bad), below, _mean(good)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def outcome(field: Field, scale: int, seed: int, scoring: str) -> Outcome:
    """All figures of a field that has run."""
    setup, sizes = field.setup, field.sizes
    whole = delivered(field)
    settled = delivered(field, setup.warm_s + setup.run_s - SETTLED_S)
    bad, below, good = scores(field)
    octets = sum(field.network.octets[Kind.GOSSIP][: sizes.honest])
    return Outcome(
        attack=setup.name,
        scale=scale,
        seed=seed,
        scoring=scoring,
        honest=sizes.honest,
        sybils=sizes.sybils,
        messages=whole.messages,
        pairs=whole.pairs,
        delivered=whole.share,
        missed=whole.missed,
        p50_s=whole.p50_s,
        p99_s=whole.p99_s,
        max_s=whole.max_s,
        settled_delivered=settled.share,
        settled_prompt=settled.prompt,
        settled_p50_s=settled.p50_s,
        settled_p99_s=settled.p99_s,
        settled_max_s=settled.max_s,
        mesh_peak=max(share for _, share in field.shares),
        mesh_end=field.shares[-1][1],
        mesh=tuple(field.shares),
        sybil_score=bad,
        sybils_negative=below,
        honest_score=good,
        octets_per_s=octets / sizes.honest / setup.end_s,
        events=field.engine.events,
    )
