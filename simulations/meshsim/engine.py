"""The virtual clock: one heap of events, one wake-up per host (RFC 0012 section 2).

An event is `(time, order, call, args)`.  `order` counts up, so events of one instant
happen in the order in which they were asked for, and nothing behind it is ever
compared: a run depends on seed and scenario alone.  There is no cancelling; whoever may
lose interest checks when called.

A host is anything with `next_timeout` and `handle_timeout`.  After every input its
owner calls `rearm(host)`; the engine pushes an entry only if the host wants to be woken
before the entry that already waits for it, so a host that moves its deadline back a
thousand times costs nothing.

Randomness comes from `stream(name)`, one generator per purpose: a new consumer of
chance takes nothing from the others.  Checkers `watch`; whoever changed something that
they care about says so with `touch`, and only events that touched something are shown.
"""

from __future__ import annotations

import gc
import heapq
import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Protocol

from meshproto.errors import LimitError, StateError
from meshsim.eventlog import EventLog

EVENTS_PENDING_MAX = 20_000_000
"""Events that wait at once, about 3 GB; more means that something feeds itself."""

EVENTS_PER_INSTANT_MAX = 1_000_000
"""Events without time passing; more means that two parts answer each other for ever."""

_CHUNK = 65_536  # events between looks at limits and the collector
_CHUNKS_PER_COLLECTION = 32


class Host(Protocol):
    """What the engine wakes; `alarm` is the engine's and starts as `math.inf`."""

    alarm: float

    def next_timeout(self) -> float | None:
        """When to be woken (seconds, virtual), None for never."""
        ...

    def handle_timeout(self, now: float) -> None:
        """The time has come."""
        ...


class Engine:
    """Runs events in the order of time; `now` is the virtual time in seconds."""

    __slots__ = (
        "_heap",
        "_next",
        "_streams",
        "_touched",
        "_watchers",
        "events",
        "log",
        "now",
        "seed",
    )

    def __init__(self, seed: int | str, log: EventLog | None = None) -> None:
        """`log` None runs without an event log (and about a third faster)."""
        self.seed = seed
        self.now = 0.0
        self.events = 0
        self.log = log
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._next: Callable[[], int] = count().__next__
        self._streams: dict[str, random.Random] = {}
        self._touched: list[Any] = []
        self._watchers: list[Callable[[float, list[Any]], object]] = []

    def __repr__(self) -> str:
        return f"<Engine t={self.now:.6f} s, {self.events} events done>"

    def stream(self, name: str) -> random.Random:
        """The random generator of a purpose; the same name gives the same one."""
        found = self._streams.get(name)
        if found is None:
            # why a string: seeding hashes it with SHA-512, on every build the same
            found = self._streams[name] = random.Random(  # noqa: S311
                f"{self.seed}/{name}"
            )
        return found

    def at(self, time: float, call: Callable[..., object], *args: Any) -> None:
        """Call `call(*args)` at virtual `time`; `StateError` if that is past."""
        if not time >= self.now:
            raise StateError(f"an event at {time!r} s, but it is {self.now!r} s")
        heapq.heappush(self._heap, (time, self._next(), call, args))

    def after(self, delay_s: float, call: Callable[..., object], *args: Any) -> None:
        """Call `call(*args)` in `delay_s` seconds."""
        self.at(self.now + delay_s, call, *args)

    def rearm(self, host: Host) -> None:
        """Look at a host's deadline again; its owner calls this after every input."""
        wanted = host.next_timeout()
        if wanted is not None and wanted < host.alarm:
            # why the maximum: a deadline that has passed is due at once
            self._wake_at(host, wanted if wanted > self.now else self.now)

    def pending(self) -> int:
        """Events that wait, superseded wake-ups included."""
        return len(self._heap)

    def watch(self, hook: Callable[[float, list[Any]], object]) -> None:
        """Call `hook(now, touched)` after every event that touched something."""
        self._watchers.append(hook)

    def touch(self, thing: object) -> None:
        """Say in an event that watchers should look at `thing` after it."""
        self._touched.append(thing)

    def run_until(
        self, time: float, progress: Callable[[float], object] | None = None
    ) -> None:
        """Run every event up to and including `time`; the clock then stands there.

        `progress(now)` is called every 65,536 events.  `LimitError` if events pile up.
        """
        step = self._chunk if self.log is None else self._logged_chunk
        chunks = 0
        instant, since = self.now, self.events
        while step(time):
            chunks += 1
            if self.now > instant:
                instant, since = self.now, self.events
            elif self.events - since > EVENTS_PER_INSTANT_MAX:
                raise LimitError("events_per_instant_max", EVENTS_PER_INSTANT_MAX)
            if len(self._heap) > EVENTS_PENDING_MAX:
                raise LimitError("events_pending_max", EVENTS_PENDING_MAX)
            if chunks % _CHUNKS_PER_COLLECTION == 0 and not gc.isenabled():
                gc.collect(0)
                gc.freeze()
            if progress is not None:
                progress(self.now)
        self.now = max(self.now, time)

    def _chunk(self, until: float) -> bool:
        """Run at most a chunk of events; False when nothing is due any more."""
        heap, pop, touched = self._heap, heapq.heappop, self._touched
        done = 0
        try:
            for _ in range(_CHUNK):
                if not heap or heap[0][0] > until:
                    return False
                self.now, _, call, args = pop(heap)
                done += 1
                call(*args)
                if touched:
                    self._show()
        finally:
            self.events += done
        return True

    def _logged_chunk(self, until: float) -> bool:
        """`_chunk` with a line for every event."""
        heap, touched, log = self._heap, self._touched, self.log
        assert log is not None
        for _ in range(_CHUNK):
            if not heap or heap[0][0] > until:
                return False
            self.now, order, call, args = heapq.heappop(heap)
            self.events += 1
            log.write(self.now, f"#{order} {call.__name__}")
            call(*args)
            if touched:
                self._show()
        return True

    def _show(self) -> None:
        """Let the watchers see what was touched; they may touch nothing."""
        for hook in self._watchers:
            hook(self.now, self._touched)
        self._touched.clear()

    def _wake_at(self, host: Host, time: float) -> None:
        host.alarm = time
        heapq.heappush(self._heap, (time, self._next(), self._wake, (host, time)))

    def _wake(self, host: Host, time: float) -> None:
        if host.alarm != time:
            return  # superseded by an earlier entry
        host.alarm = math.inf
        wanted = host.next_timeout()
        if wanted is not None and wanted <= time:
            host.handle_timeout(time)
        self.rearm(host)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector out of a run: its passes over a million live objects
    cost more than the run.  `run_until` collects the young ones from time to time.
    """
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if was:
            gc.enable()
