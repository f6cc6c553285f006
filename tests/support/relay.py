"""A relay and one viewer in virtual time, around a real `TransportSender`.

Three simulcast layers and an Opus track go through a `Path` to a viewer that answers
with real transport-wide feedback (encoded and decoded).  The relay does what the
forwarder does: live bursts pass if admitted, else the consumer chases its layer, and
one that lags too far waits for a key frame, which takes the publisher 100 ms.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from meshproto.forwarding.congestion.allocation import Demand
from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.forwarding.congestion.ladder import LayerRate
from meshproto.forwarding.congestion.sender import TransportSender
from meshproto.forwarding.table import Selection
from meshproto.ids import ConsumerId
from meshproto.wire import twcc
from support.path import Path

FRAME_S = 1 / 30
STEP_S = 0.001
AUDIO_S = 0.02
AUDIO_BYTES = 120
AUDIO_BPS = AUDIO_BYTES * 50 * 8
PACKET_BYTES = 1_200
CHUNK = 8
CHUNK_BYTES = CHUNK * PACKET_BYTES
ALLOCATION_S = 0.25
KEY_FRAME_DELAY_S = 0.1
KEY_FRAME_FACTOR = 5
LAG_MAX_S = 0.5
CLOCK_SKEW_S = 1_000.0


class Phase(Enum):
    LIVE = 1
    CHASING = 2
    WAITING = 3


class Feedback(Enum):
    TWCC = 1
    REPORTS = 2
    NONE = 3


@dataclass
class Sample:
    """What a moment looked like."""

    now: float
    rid: str | None
    estimate_bps: int
    queue_s: float


@dataclass
class Layer:
    """A simulcast layer: frames of random size around its rate, keys on request."""

    rid: str
    rate_bps: float
    key_at: float | None = None
    frames: deque[tuple[float, int, bool]] = field(default_factory=deque)

    def ask_key(self, now: float) -> None:
        if self.key_at is None:
            self.key_at = now + KEY_FRAME_DELAY_S

    def make(self, draw: random.Random, now: float) -> tuple[float, int, bool]:
        size = self.rate_bps / 8 * FRAME_S * draw.uniform(0.7, 1.3)
        key = self.key_at is not None and now >= self.key_at
        if key:
            self.key_at = None
            size *= KEY_FRAME_FACTOR
        return now, max(200, int(size)), key


class Relay:
    """The scene; `run` it and look at `samples`, `rid`, `frozen_s`."""

    def __init__(
        self,
        path: Path,
        layers: dict[str, float],
        *,
        feedback: Feedback = Feedback.TWCC,
        feedback_s: float = 0.1,
        back: Path | None = None,
        config: CongestionConfig | None = None,
        selection: Selection | None = None,
        padding_bytes: int = 1_100,
        seed: int = 7,
    ) -> None:
        self.path = path
        self.back = back or Path(delay_s=0.02, seed=seed + 1)
        self.sender = TransportSender(config)
        self.layers = {rid: Layer(rid, rate) for rid, rate in layers.items()}
        self.selection = selection or Selection()
        self.feedback = feedback
        self.feedback_s = feedback_s
        self.padding_bytes = padding_bytes
        self.now = 0.0
        self.samples: list[Sample] = []
        self.padding_sent = self.media_sent = 0
        self.held = 0
        self.rid: str | None = None
        self.target: str | None = None
        self.phase = Phase.WAITING
        self.frozen_s = 0.0
        self._last_frame_s = 0.0
        self._cursor: deque[tuple[float, int, bool]] = deque()
        self._random = random.Random(seed)
        self._number = 0
        self._received: dict[int, float] = {}
        self._reported = 0
        self._lost_base = self._got = 0
        self._due = {"audio": 0.0, "frame": 0.0, "feedback": feedback_s, "alloc": 0.0}

    def run(self, seconds: float) -> list[Sample]:
        """Let time pass; the samples of that time, one per 10 ms."""
        begin = len(self.samples)
        for _ in range(round(seconds / STEP_S)):
            self._step()
        return self.samples[begin:]

    def _every(self, what: str, interval_s: float) -> bool:
        if self.now < self._due[what]:
            return False
        self._due[what] += interval_s
        return True

    def _step(self) -> None:
        self.now += STEP_S
        now = self.now
        for time, feedback in self.back.arrived(now):
            self._take_feedback(feedback, time)
        if self._every("alloc", ALLOCATION_S) or self.sender.overcommitted:
            self._allocate()
        if self._every("audio", AUDIO_S):
            self._send([AUDIO_BYTES])
        if self._every("frame", FRAME_S):
            self._frame()
        self._chase()
        self._timers()
        for time, number in self.path.arrived(now):
            self._received[number] = time
            self._got += 1
        if self._every("feedback", self.feedback_s):
            self._report()
        if round(now / STEP_S) % 10 == 0:
            self.samples.append(
                Sample(now, self.rid, self.sender.estimate_bps, self.path.queue_s)
            )

    def _allocate(self) -> None:
        rates = tuple(
            LayerRate(la.rid, int(la.rate_bps)) for la in self.layers.values()
        )
        demand = Demand(ConsumerId(1), rates, self.selection)
        outcome = self.sender.allocate(AUDIO_BPS, [demand], self.now)
        self.target = outcome.targets[ConsumerId(1)].rid
        if self.target is not None and self.target != self.rid:
            self.layers[self.target].ask_key(self.now)

    def _frame(self) -> None:
        for layer in self.layers.values():
            frame = layer.make(self._random, self.now)
            wanted = self.target if self.target is not None else self.rid
            if (
                frame[2]
                and layer.rid == wanted
                and (layer.rid != self.rid or self.phase is Phase.WAITING)
            ):
                self.rid, self.phase = layer.rid, Phase.CHASING
                self._cursor.clear()
            if layer.rid != self.rid or self.phase is Phase.WAITING:
                continue
            if self.phase is Phase.LIVE and self.sender.admit(self.now):
                self._send_frame(frame)
            else:
                self.held += self.phase is Phase.LIVE
                self.phase = Phase.CHASING
                self._cursor.append(frame)

    def _chase(self) -> None:
        if self.phase is not Phase.CHASING:
            return
        while self._cursor and self.sender.ready_at(self.now) <= self.now:
            made_s, size, key = self._cursor.popleft()
            if size > CHUNK_BYTES:
                self._cursor.appendleft((made_s, size - CHUNK_BYTES, key))
                self._send([PACKET_BYTES] * CHUNK)
            else:
                self._send_frame((made_s, size, key))
        if not self._cursor:
            self.phase = Phase.LIVE
        elif self.now - self._cursor[0][0] > LAG_MAX_S:
            self._cursor.clear()
            self.phase = Phase.WAITING
            self.layers[self.target or self.rid or ""].ask_key(self.now)

    def _send_frame(self, frame: tuple[float, int, bool]) -> None:
        gap = self.now - self._last_frame_s
        self.frozen_s = max(self.frozen_s, gap)
        self._last_frame_s = self.now
        count = -(-frame[1] // PACKET_BYTES)
        self._send([frame[1] // count] * count)

    def _send(self, sizes: list[int], padding: bool = False) -> None:
        first = self._number
        for size in sizes:
            self.path.send(size, self._number, self.now)
            self._number += 1
        total = sum(sizes)
        self.padding_sent += total if padding else 0
        self.media_sent += 0 if padding else total
        self.sender.on_sent_burst(first & 0xFFFF, len(sizes), total, self.now)

    def _timers(self) -> None:
        due = self.sender.next_timeout()
        if due is None or due > self.now:
            return
        self.sender.handle_timeout(self.now)
        missing = self.sender.padding_due(self.now)
        if missing and self.padding_bytes:
            count = -(-missing // self.padding_bytes)
            self._send([-(-missing // count)] * count, padding=True)

    def _report(self) -> None:
        if self.feedback is Feedback.NONE or not self._received:
            return
        highest = max(self._received)
        if self.feedback is Feedback.REPORTS:
            expected = highest + 1 - self._lost_base
            self.back.send(60, 1 - self._got / max(expected, 1), self.now)
            self._lost_base, self._got = highest + 1, 0
            return
        base = min(*self._received, self._reported)
        arrivals = [
            (
                number & 0xFFFF,
                int((self._received[number] + CLOCK_SKEW_S) * 1e6)
                if number in self._received
                else None,
            )
            for number in range(base, highest + 1)
        ]
        packet, taken = twcc.build(1, 2, 0, arrivals)
        self._reported = base + taken
        self._received = {
            n: t for n, t in self._received.items() if n >= self._reported
        }
        self.back.send(len(packet), twcc.decode(packet[4:]).arrivals, self.now)

    def _take_feedback(self, feedback: object, now: float) -> None:
        if isinstance(feedback, float):
            self.sender.on_loss(max(0.0, feedback), 0.05, now)
        else:
            assert isinstance(feedback, tuple)
            self.sender.on_feedback(feedback, now)
