"""The reference forwarder and the native one side by side, each given the same.

`Both` stands in where a test builds a `Forwarder`: whatever the test does to it is done
to both, and every burst, repetition, RTCP packet, event, deadline and counter must be
the same.  What a test looks up inside is the reference's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from meshproto.errors import MeshError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.levels import Levels
from meshproto.forwarding.outputs import Burst, Repeat, Resend
from meshproto.ids import ProducerId, StreamId, TransportId


class DifferenceError(AssertionError):
    """The two did not do the same."""


class Both:
    """Two forwarders; `packets` counts what was compared."""

    def __init__(self, config: ForwardingConfig, chance: random.Random) -> None:
        from meshnode import _native

        twin = random.Random()
        twin.setstate(chance.getstate())
        self.python = Forwarder(config, chance)
        self.rust: Any = _native.forwarding.Forwarder(config, twin)
        self.packets = 0
        self.now = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.python, name)

    def same(self, what: str, ours: object, theirs: object) -> None:
        """Both said the same."""
        if ours != theirs:
            message = f"{what} at {self.now!r}: {ours!r} is not {theirs!r}"
            raise DifferenceError(message[:20_000])

    def _do(self, name: str, *given: Any, **named: Any) -> None:
        """A verb without an answer, or with the same refusal."""
        refusals: list[MeshError | None] = [None, None]
        for side, forwarder in enumerate((self.python, self.rust)):
            try:
                getattr(forwarder, name)(*given, **named)
            except MeshError as error:
                refusals[side] = error
        ours, theirs = refusals
        self.same(name, type(ours), type(theirs))
        self.same("deadline", self.python.next_timeout(), self.rust.next_timeout())
        if ours is not None:
            raise ours

    def add_transport(self, *given: Any, **named: Any) -> None:
        self._do("add_transport", *given, **named)

    def remove_transport(self, transport: TransportId) -> None:
        self._do("remove_transport", transport)

    def set_sending(self, transport: TransportId, sending: bool, now: float) -> None:
        self.now = now
        self._do("set_sending", transport, sending, now)

    def measured(self, transport: TransportId, rtt_s: float | None) -> None:
        self._do("measured", transport, rtt_s)

    def program(self, delta: Any, now: float) -> None:
        self.now = now
        self._do("program", delta, now)

    def receive_rtp(self, transport: TransportId, packet: bytes, now: float) -> None:
        self.packets += 1
        self.now = now
        self._do("receive_rtp", transport, packet, now)

    def receive_rtcp(self, transport: TransportId, packet: bytes, now: float) -> None:
        self.now = now
        self._do("receive_rtcp", transport, packet, now)

    def handle_timeout(self, now: float) -> None:
        self.now = now
        self._do("handle_timeout", now)

    def flush(self, now: float) -> list[Burst]:
        self.now = now
        ours = self.python.flush(now)
        theirs = self.rust.flush(now)
        self.same("bursts", [tuple(burst) for burst in ours], theirs)
        self.packets += sum(len(burst.packets) for burst in ours)
        self.same("deadline", self.python.next_timeout(), self.rust.next_timeout())
        return ours

    def poll_resend(self) -> Resend | Repeat | None:
        ours = self.python.poll_resend()
        told = None if ours is None else tuple(ours)
        self.same("repetition", told, self.rust.poll_resend())
        return ours

    def poll_rtcp(self) -> tuple[TransportId, bytes] | None:
        ours = self.python.poll_rtcp()
        self.same("RTCP", ours, self.rust.poll_rtcp())
        return ours

    def poll_event(self) -> Any:
        ours = self.python.poll_event()
        self.same("event", ours, self.rust.poll_event())
        return ours

    def next_timeout(self) -> float | None:
        ours = self.python.next_timeout()
        self.same("deadline", ours, self.rust.next_timeout())
        return ours

    def stats(self, now: float) -> dict[str, object]:
        ours = self.python.stats(now)
        self.same("stats", ours, self.rust.stats(now))
        return ours

    def audio_levels(self, since: Mapping[ProducerId, int]) -> Levels:
        ours = self.python.audio_levels(since)
        self.same("levels", ours, self.rust.audio_levels(since))
        return ours

    def producer_stats(self, now: float) -> dict[ProducerId, dict[str, object]]:
        ours = self.python.producer_stats(now)
        self.same("producers", ours, self.rust.producer_stats(now))
        return ours

    def stream_history(self, stream: StreamId) -> tuple[int, int] | None:
        ours = self.python.stream_history(stream)
        self.same("history", ours, self.rust.stream_history(stream))
        return ours
