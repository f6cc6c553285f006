"""Feeds the brain: one input, then everything that it asks for, then one timer.

`meshproto.Node` has no clock and does nothing by itself (RFC 0001 section 3).  The
driver is the only code that calls its verbs, so the rules of the contract are held in
one place: an input is never fed while outputs of another are carried out (it waits
its turn), the outputs of an input are carried out in their order, and whoever wants to
hear of events hears of them when the brain is at rest and may be asked again.

A defect of the brain costs the input that met it.  It is counted, its first occurrence
is logged with the name of the input, and the node goes on: its viewers have done
nothing wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from meshproto.errors import MeshError
from meshproto.events import Event
from meshproto.node import Node
from meshproto.outputs import Output

WAITING_MAX = 8_192
"""Inputs that wait while outputs are carried out; a carrier answers at once only what
it cannot do, so more than a few is a defect and dropping beats growing."""

TIMER_MIN_S = 0.001
"""A deadline that stays in the past must not spin the loop."""

WALL_S = 60.0
"""How often the brain is told the time of day: ages of epochs are judged by the day."""

_log = logging.getLogger("meshnode.control")


class Driver:
    """Drives `node` on the running loop; `carry` does what it asks for.

    `clock` is monotonic seconds and `wall_ms` milliseconds since 1970.
    """

    def __init__(
        self,
        node: Node,
        carry: Callable[[Output], None],
        hear: Callable[[Event], None],
        *,
        clock: Callable[[], float],
        wall_ms: Callable[[], int],
    ) -> None:
        self.node = node
        self.defects: Counter[str] = Counter()
        self.dropped = 0
        self._carry = carry
        self._hear = hear
        self._clock = clock
        self._wall_ms = wall_ms
        self._busy = False
        self._closed = False
        self._telling = False
        self._waiting: deque[tuple[str, Callable[..., Any], tuple[Any, ...]]] = deque()
        self._events: deque[Event] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._wall_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Tell the brain the time of day, now and every minute."""
        self._tell_wall()

    def close(self) -> None:
        """Feed nothing any more."""
        self._closed = True
        for timer in (self._timer, self._wall_timer):
            if timer is not None:
                timer.cancel()
        self._waiting.clear()

    @property
    def now(self) -> float:
        """The brain's clock."""
        return self._clock()

    def tell(self, name: str, verb: Callable[..., Any], *args: Any) -> Any:
        """One input, `verb(*args, now)`; what it answers, None where it must wait.

        `name` is a short label for the log.  Local misuse (`MeshError`) is raised,
        unless the input had to wait.
        """
        if self._closed:
            return None
        if self._busy:
            self._wait(name, verb, args)
            return None
        self._busy = True
        try:
            return self._feed(name, verb, args)
        finally:
            self._rest()

    def _wait(self, name: str, verb: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
        else:
            self._waiting.append((name, verb, args))

    def _feed(self, name: str, verb: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            return verb(*args, self._clock())
        except MeshError:
            raise
        except Exception:  # why all: whatever it is, it is ours, and the node lives on
            self._defect(name)
            return None
        finally:
            self._drain(name)

    def _drain(self, name: str) -> None:
        poll = self.node.poll
        while (output := poll()) is not None:
            if isinstance(output, Event):
                self._events.append(output)
                continue
            try:
                self._carry(output)
            except Exception:  # why all: the outputs behind it must still be done
                self._defect(f"{name}/{type(output).__name__}")

    def _rest(self) -> None:
        """Feed what came meanwhile, re-arm, and tell what happened."""
        try:
            while self._waiting:
                name, verb, args = self._waiting.popleft()
                try:
                    self._feed(name, verb, args)
                except MeshError as error:
                    self._defect(name, str(error))
        finally:
            self._busy = False
        self._arm()
        if not self._telling:
            self._tell_news()

    def _tell_news(self) -> None:
        """Whoever hears may feed the brain: what that brings is told after."""
        self._telling = True
        try:
            while self._events:
                event = self._events.popleft()
                try:
                    self._hear(event)
                except Exception:  # why all: one listener must not silence the others
                    self._defect(f"hearing {type(event).__name__}")
        finally:
            self._telling = False

    def _defect(self, name: str, detail: str = "") -> None:
        self.defects[name] += 1
        if self.defects[name] == 1:
            _log.error("defect: %s %s", name, detail, exc_info=not detail)

    # -- time --------------------------------------------------------------------------

    def _arm(self) -> None:
        at = None if self._closed else self.node.next_timeout()
        if self._timer is not None:
            if at is not None and self._timer.when() == at:
                return
            self._timer.cancel()
            self._timer = None
        if at is not None:
            loop = asyncio.get_running_loop()
            earliest = self._clock() + TIMER_MIN_S
            self._timer = loop.call_at(max(at, earliest), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.tell("timeout", self.node.handle_timeout)

    def _tell_wall(self) -> None:
        self._wall_timer = asyncio.get_running_loop().call_later(
            WALL_S, self._tell_wall
        )
        self.tell("wall", self.node.wall, self._wall_ms())
