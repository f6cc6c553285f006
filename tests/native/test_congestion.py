"""The native `TransportSender` and that of `meshproto` agree to the last bit.

A simulated path (capacity, queue, loss, jitter) answers what both send, so that probes,
overuse and silence are met; in between come reports, limits and layers at random.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import Any

import pytest

from meshproto.forwarding.congestion.allocation import Demand
from meshproto.forwarding.congestion.ladder import LayerRate
from meshproto.forwarding.congestion.pacer import Priority
from meshproto.forwarding.congestion.sender import TransportSender
from meshproto.forwarding.table import Selection
from meshproto.ids import ConsumerId
from meshproto.wire.twcc import WRAP_US, Arrival

native = pytest.importorskip("meshnode._native", reason="extension is not built")

SEEDS = 200
TICKS = 800
TICK_S = 0.01
RIDS = ("q", "h", "f")
RATE = ("rid", "bitrate_bps", "temporal_bps")


class Both:
    """The two senders, given the same; and a path that carries what they send."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.python = TransportSender()
        self.rust: Any = native.congestion.TransportSender()
        self.now = self.random.choice((0.0, 5.25, 81_234.567))
        self.sequence = self.random.randrange(1 << 16)
        self.clock_us = self.random.choice((0, 1_000_000, WRAP_US - 3_000_000))
        self.capacity_bps = self.random.choice((2e5, 1e6, 4e6, 4e7))
        self.calm = self.random.random() < 0.5
        self.loss = 0.0 if self.calm else self.random.choice((0.0, 0.03, 0.25))
        self.jitter_s = self.random.choice((0.0, 0.002) if self.calm else (0.0, 0.02))
        self.free_at = self.now
        self.under_way: deque[Arrival] = deque()
        self.told: list[Arrival] = []
        self.met: Counter[str] = Counter()
        self.layers = {consumer: self.some_layers() for consumer in range(4)}
        self.feeds_back = self.random.random() < 0.8
        self.sizes = self.random.choice(((160, 1_100), (160, 1_100, 6_000, 30_000)))

    def some_layers(self) -> tuple[LayerRate, ...]:
        chosen = RIDS[: self.random.choice((0, 1, 1, 3))]
        return tuple(self.some_layer(rid, at) for at, rid in enumerate(chosen))

    def some_layer(self, rid: str, at: int) -> LayerRate:
        silent = self.random.random() < 0.1
        bps = 0 if silent else self.random.randrange(40_000, 400_000) * 3**at
        temporal = (bps // 2, bps * 3 // 4, bps)
        return LayerRate(rid, bps, temporal if self.random.random() < 0.3 else ())

    def send(self, size_bytes: int) -> None:
        """Some packets leave together, perhaps after a gap in their numbers."""
        if not self.calm and self.random.random() < 0.01:
            self.sequence += self.random.randrange(40)
        count = max(1, size_bytes // 1_200)
        first = self.sequence & 0xFFFF
        self.python.on_sent_burst(first, count, size_bytes, self.now)
        self.rust.on_sent_burst(first, count, size_bytes, self.now)
        for _ in range(count):
            self.carry(size_bytes / count)
        self.check()

    def carry(self, size_bytes: float) -> None:
        took_s = size_bytes * 8 / self.capacity_bps
        self.free_at = max(self.free_at, self.now) + took_s
        jitter_s = self.random.random() * self.jitter_s
        arrival_us = self.clock_us + int((self.free_at + 0.02 + jitter_s) * 4_000) * 250
        full = self.free_at - self.now > 1.5
        lost = full or self.random.random() < self.loss
        arrival = None if lost else arrival_us % WRAP_US
        self.under_way.append((self.sequence & 0xFFFF, arrival))
        self.sequence += 1

    def hear(self) -> None:
        """Feedback: perhaps lost, or once more with what was late, or wrong."""
        chance = 0.5 if self.calm else self.random.random()
        if chance < 0.05 and self.told:
            late = [(number, time or 1) for number, time in self.told]
            self.feedback(late)
        elif chance < 0.07:
            wrong = self.random.randrange(1 << 16)
            times = [self.random.choice((None, 77, WRAP_US - 1)) for _ in range(9)]
            numbers = [wrong + at & 0xFFFF for at in range(len(times))]
            self.feedback(list(zip(numbers, times, strict=True)))
        taken = self.random.randrange(1, len(self.under_way) + 1)
        self.told = consecutive([self.under_way.popleft() for _ in range(taken)])
        if chance < 0.95:
            self.feedback(self.told)

    def feedback(self, arrivals: list[Arrival]) -> None:
        before_bps = self.python.estimate_bps
        self.python.on_feedback(arrivals, self.now)
        self.rust.on_feedback(arrivals, self.now)
        # growth alone is at most 8 %, so the rest is what a probe or arrivals proved
        self.met["proven"] += self.python.estimate_bps > 1.2 * before_bps
        self.met["reduced"] += self.python.estimate_bps < before_bps
        self.check()

    def allocate(self) -> None:
        if self.random.random() < 0.2:
            self.layers[self.random.randrange(4)] = self.some_layers()
        demands = [self.demand(consumer) for consumer in self.layers]
        if self.random.random() < 0.1:
            self.random.shuffle(demands)
        demands = demands[: self.random.choice((4, 4, 4, 2, 0))]
        audio_bps = self.random.choice((0, 32_000, 64_000))
        theirs = self.python.allocate(audio_bps, demands, self.now)
        wishes = [in_rust(demand) for demand in demands]
        ours, sums = self.rust.allocate(audio_bps, wishes, self.now)
        assert {consumer: tuple(target) for consumer, *target in ours} == theirs.targets
        assert sums == theirs[1:]
        self.check()

    def demand(self, consumer: int) -> Demand:
        chance = self.random.random()
        rid = self.random.choice(RIDS) if chance < 0.03 else None
        selection = Selection(rid=rid, paused=chance > 0.98)
        return Demand(ConsumerId(consumer), self.layers[consumer], selection)

    def report(self) -> None:
        if self.random.random() < 0.5:
            bitrate_bps = int(self.capacity_bps * self.random.uniform(0.3, 1.5))
            self.python.on_remb(bitrate_bps, self.now)
            self.rust.on_remb(bitrate_bps, self.now)
        fraction = self.random.choice((0, 0, 3, 20, 90)) / 256
        rtt_s = self.random.choice((None, 0.04, 0.05, 0.3))
        self.python.on_loss(fraction, rtt_s, self.now)
        self.rust.on_loss(fraction, rtt_s, self.now)
        self.check()

    def let_pass(self) -> None:
        """A timeout if one is due; the padding that it asks for leaves."""
        due = self.python.next_timeout()
        if due is None or due > self.now:
            return
        self.python.handle_timeout(self.now)
        self.rust.handle_timeout(self.now)
        self.check()
        padding = self.python.padding_due(self.now)
        assert self.rust.padding_due(self.now) == padding
        if padding:
            self.met["padding"] += 1
            self.send(padding)

    def check(self) -> None:
        ours, theirs, now = self.rust, self.python, self.now
        assert ours.estimate_bps == theirs.estimate_bps
        assert ours.overcommitted == theirs.overcommitted
        assert ours.admit(now) == theirs.admit(now)
        assert ours.next_timeout() == theirs.next_timeout()
        for kind in Priority:
            assert ours.ready_at(now, kind.name) == theirs.ready_at(now, kind)
        self.met["held"] += theirs.ready_at(now) > now
        self.met["overcommitted"] += theirs.overcommitted

    def tick(self) -> None:
        chances = self.random
        self.now += TICK_S * chances.uniform(0.5, 1.5)
        self.let_pass()
        if chances.random() < 0.5:
            self.send(chances.choice(self.sizes))
        if self.feeds_back and self.under_way and chances.random() < 0.25:
            self.hear()
        if chances.random() < 0.1:
            self.allocate()
        if chances.random() < 0.02:
            self.report()
        if chances.random() < 0.003:
            self.capacity_bps *= chances.choice((0.25, 0.5, 2.0, 4.0))
        if chances.random() < 0.001:
            self.now += chances.uniform(0.5, 5.0)
            self.under_way.clear()


def consecutive(arrivals: list[Arrival]) -> list[Arrival]:
    """Numbers that were left out count as missing."""
    filled: list[Arrival] = []
    for number, time in arrivals:
        while filled and filled[-1][0] + 1 & 0xFFFF != number:
            filled.append((filled[-1][0] + 1 & 0xFFFF, None))
        filled.append((number, time))
    return filled


def in_rust(demand: Demand) -> tuple[object, ...]:
    layers = [tuple(getattr(layer, name) for name in RATE) for layer in demand.layers]
    selection = demand.selection
    return demand.consumer, layers, selection.rid, selection.paused


def test_every_answer_is_the_same() -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS):
        both = Both(seed)
        for _ in range(TICKS):
            both.tick()
        met += both.met
    # the walk went where the numbers are: else it would compare two idle machines
    assert set(met) == {"proven", "reduced", "padding", "held", "overcommitted"}, met
