"""Workloads: who comes, publishes, watches and goes (RFC 0012 section 8).

A workload is a few declared parts: how nodes arrive, streams with their publishers,
audiences with the way in which they come, and churn.  `Workload.schedule` turns them
into calls of a `Stage`, which the host implements.  Arrivals and audiences are drawn at
the start; churn acts upon whoever is alive when it strikes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from meshsim.engine import Engine

DAY_S = 86_400.0


class Come(Enum):
    """How a crowd spreads over its time."""

    AT_ONCE = "at once"
    EVENLY = "evenly"  # one after another, equal intervals, over `over_s`
    RANDOMLY = "randomly"  # at random times in `over_s`
    FLASH = "flash"  # a burst that falls off: half in the first eighth of `over_s`
    DIURNAL = "diurnal"  # by a day's sine over `over_s`, night at both ends


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How nodes start: the first `first` at time 0, the others by `come`; the last
    `late` are newcomers, one after another from `late_at_s` over `late_over_s`.
    """

    come: Come = Come.AT_ONCE
    at_s: float = 0.0
    over_s: float = 0.0
    first: int = 8
    late: int = 0
    late_at_s: float = 0.0
    late_over_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its name, the node or the class of node that publishes it, when, and
    its media clock (`bitrate_bps` over `layers` layers).
    """

    name: str
    node: int | None = None
    kind: str | None = None
    at_s: float = 0.0
    until_s: float | None = None
    bitrate_bps: int = 2_500_000
    layers: int = 1


@dataclass(frozen=True, slots=True)
class Audience:
    """`share` of all nodes (or `count`, or `nodes` in this order) subscribe to a
    stream; each stays `stay_s` on average, exponentially, or for good.
    """

    stream: str
    share: float = 1.0
    count: int | None = None
    nodes: tuple[int, ...] = ()
    come: Come = Come.AT_ONCE
    at_s: float = 0.0
    over_s: float = 0.0
    stay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rooms:
    """`count` rooms of `size` nodes; `talkers` of each publish (of those who can feed a
    copy, if anybody can), the others watch all of them, from `at_s` on.  A room closes
    after `stay_s` on average, exponentially.
    """

    count: int
    size: int
    talkers: int = 1
    at_s: float = 0.0
    over_s: float = 0.0
    stay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Churn:
    """Nodes go and come: `per_min` of the living per minute (0.01 is 1 %), silently
    unless `goodbye`; each returns after `away_s` on average.  Publishers stay.
    """

    per_min: float
    at_s: float = 0.0
    until_s: float | None = None
    away_s: float = 30.0
    goodbye: bool = False
    keep_state: bool = True
    diurnal: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """All that happens on purpose."""

    arrivals: Arrivals = Arrivals()
    streams: tuple[Stream, ...] = ()
    audiences: tuple[Audience, ...] = ()
    rooms: tuple[Rooms, ...] = ()
    churn: tuple[Churn, ...] = ()


class Stage(Protocol):
    """On what a workload plays; the host implements it."""

    kinds: Sequence[str]
    """The class of each node."""
    copies: Sequence[int]
    """How many copies of a stream each node can feed."""

    def alive(self) -> list[int]:
        """Nodes whose process runs, ascending."""
        ...

    def start(self, node: int, now: float, *, keep_state: bool) -> None:
        """Start the node's process; no effect while it runs."""
        ...

    def stop(self, node: int, now: float, *, goodbye: bool) -> None:
        """End the node's process; no effect while it does not run."""
        ...

    def publish(self, node: int, stream: Stream, now: float) -> None:
        """Let a publisher appear at `node`."""
        ...

    def unpublish(self, node: int, stream: Stream, now: float) -> None:
        """Let the publisher go."""
        ...

    def subscribe(self, node: int, stream: str, now: float) -> None:
        """Let a viewer appear at `node`; it stays over restarts of the node."""
        ...

    def unsubscribe(self, node: int, stream: str, now: float) -> None:
        """Let the viewer go."""
        ...


class Play:
    """A workload being played on a stage."""

    __slots__ = ("_chance", "_engine", "_stage", "publishers", "size")

    def __init__(self, engine: Engine, stage: Stage) -> None:
        self._engine = engine
        self._stage = stage
        self._chance = engine.stream("workload")
        self.size = len(stage.kinds)
        self.publishers: dict[str, int] = {}
        """The publisher's node by stream name, as drawn at the start."""

    def schedule(self, workload: Workload) -> None:
        """Arrange for everything; call once, at the start of a run."""
        self._arrive(workload.arrivals)
        for stream in workload.streams:
            self._publish(stream, self._publisher(stream))
        for rooms in workload.rooms:
            self._open(rooms)
        for audience in workload.audiences:
            self._attend(audience)
        for churn in workload.churn:
            self._churn_next(churn, churn.at_s)

    def _arrive(self, arrivals: Arrivals) -> None:
        order = list(range(self.size))
        self._chance.shuffle(order)
        first, others = order[: arrivals.first], order[arrivals.first :]
        cut = max(len(others) - arrivals.late, 0)
        self._start_all(first, 0.0, [0.0] * len(first))
        times = spread(arrivals.come, cut, arrivals.over_s, self._chance)
        self._start_all(others[:cut], arrivals.at_s, times)
        late = others[cut:]
        times = spread(Come.EVENLY, len(late), arrivals.late_over_s, self._chance)
        self._start_all(late, arrivals.late_at_s, times)

    def _start_all(
        self, nodes: Sequence[int], at_s: float, times: Sequence[float]
    ) -> None:
        for node, after_s in zip(nodes, times, strict=True):
            self._engine.at(at_s + after_s, self._start, node, False)

    def _start(self, node: int, keep_state: bool) -> None:
        self._stage.start(node, self._engine.now, keep_state=keep_state)

    def _publisher(self, stream: Stream) -> int:
        if stream.node is not None:
            return stream.node % self.size
        kinds = self._stage.kinds
        fit = [n for n in range(self.size) if stream.kind in {None, kinds[n]}]
        fit = self._able(fit) or fit
        taken = set(self.publishers.values())
        return self._chance.choice([n for n in fit if n not in taken] or fit or [0])

    def _able(self, nodes: Sequence[int]) -> list[int]:
        """Those that can feed a copy: who cannot even send it once publishes nothing
        that a mesh could help with.
        """
        return [node for node in nodes if self._stage.copies[node]]

    def _publish(self, stream: Stream, node: int) -> None:
        self.publishers[stream.name] = node
        at = self._engine.at
        at(stream.at_s, lambda: self._stage.publish(node, stream, self._engine.now))
        if stream.until_s is not None:
            at(
                stream.until_s,
                lambda: self._stage.unpublish(node, stream, self._engine.now),
            )

    def _crowd(self, audience: Audience) -> Sequence[int]:
        if audience.nodes:
            return audience.nodes
        publisher = self.publishers.get(audience.stream)
        others = [node for node in range(self.size) if node != publisher]
        count = audience.count
        if count is None:
            count = round(audience.share * len(others))
        return self._chance.sample(others, min(count, len(others)))

    def _attend(self, audience: Audience) -> None:
        crowd = self._crowd(audience)
        times = spread(audience.come, len(crowd), audience.over_s, self._chance)
        for node, after_s in zip(crowd, times, strict=True):
            at = audience.at_s + after_s
            self._visit(node, audience.stream, at)
            if audience.stay_s is not None:
                stay_s = self._chance.expovariate(1.0 / audience.stay_s)
                self._engine.at(at + stay_s, self._part, node, audience.stream)

    def _visit(self, node: int, stream: str, at: float) -> None:
        self._engine.at(at, self._watch, node, stream)

    def _watch(self, node: int, stream: str) -> None:
        self._stage.subscribe(node, stream, self._engine.now)

    def _part(self, node: int, stream: str) -> None:
        self._stage.unsubscribe(node, stream, self._engine.now)

    def _open(self, rooms: Rooms) -> None:
        times = spread(Come.RANDOMLY, rooms.count, rooms.over_s, self._chance)
        for number, after_s in enumerate(times):
            at = rooms.at_s + after_s
            members = self._chance.sample(range(self.size), min(rooms.size, self.size))
            until = None
            if rooms.stay_s is not None:
                until = at + self._chance.expovariate(1.0 / rooms.stay_s)
            for talker in (self._able(members) or members)[: rooms.talkers]:
                name = f"room-{number}-{talker}"
                self._publish(Stream(name, at_s=at, until_s=until), talker)
                for member in members:
                    if member != talker:
                        self._visit(member, name, at)
                        if until is not None:
                            self._engine.at(until, self._part, member, name)

    def _churn_next(self, churn: Churn, after_s: float) -> None:
        at = after_s + self._chance.expovariate(churn.per_min * self.size / 60.0)
        if churn.until_s is None or at <= churn.until_s:
            self._engine.at(at, self._churn, churn)

    def _churn(self, churn: Churn) -> None:
        """Somebody may go: the clock ticks for all nodes, the dead are passed over."""
        now = self._engine.now
        busy = set(self.publishers.values())
        node = self._chance.randrange(self.size)
        dark = churn.diurnal and self._chance.random() > daylight(now)
        if node in self._stage.alive() and node not in busy and not dark:
            self._stage.stop(node, now, goodbye=churn.goodbye)
            away_s = self._chance.expovariate(1.0 / churn.away_s)
            self._engine.after(away_s, self._start, node, churn.keep_state)
        self._churn_next(churn, now)


def daylight(now: float, day_s: float = DAY_S) -> float:
    """How busy a time of day is, from 0 (night, at 0) to 1 (noon)."""
    return 0.5 - 0.5 * math.cos(2.0 * math.pi * now / day_s)


def spread(come: Come, count: int, over_s: float, chance: random.Random) -> list[float]:
    """When each of `count` comes, ascending, in [0, over_s]."""
    if come is Come.AT_ONCE or not over_s:
        return [0.0] * count
    if come is Come.EVENLY:
        return [over_s * i / count for i in range(count)]
    if come is Come.FLASH:
        return sorted(_flash(chance, over_s) for _ in range(count))
    if come is Come.DIURNAL:
        return sorted(_by_day(chance, over_s) for _ in range(count))
    return sorted(chance.random() * over_s for _ in range(count))


def _flash(chance: random.Random, over_s: float) -> float:
    half_lives = -math.log2(1.0 - chance.random())
    return min(half_lives * over_s / 8.0, over_s)


def _by_day(chance: random.Random, over_s: float) -> float:
    while True:
        at = chance.random() * over_s
        if chance.random() < daylight(at, over_s):
            return at
