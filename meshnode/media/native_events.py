"""What the worker of the native plane tells, handed on to one handler.

The worker rings a bell when events wait, and the loop reads them: most become values of
the seam, packets of LOCAL transports go to their sinks, STUN of links to its agent,
whose own events come out here as well.  A handler is never called from within another.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from meshnode.media.alarm import Alarm
from meshnode.media.plane import (
    DtlsReceived,
    LocalFeedback,
    LocalSink,
    PlaneEvent,
    PlaneFault,
    TransportSilent,
    TransportValidated,
)
from meshproto.ice.events import Checked
from meshproto.ids import ConsumerId, TransportId

if TYPE_CHECKING:
    from meshnode import _native
    from meshnode.media.native_links import NativeLinks

COMPLAIN_EVERY_S = 10.0
"""The log hears of internal faults this often, whatever a remote can provoke."""
REST_S = 0.05
"""How long checks of links rest after a fault of ours."""
ORDER = "a command"
"""What the worker was at when it lost something that it was told."""


class NativeEvents:
    """Reads the bell of `engine` on a loop.

    `own` are events of the agent of links, which asks by `want` to have them told.
    """

    links: NativeLinks

    def __init__(self, engine: _native.Engine) -> None:
        self.own: list[PlaneEvent] = []
        self.sinks: dict[TransportId, LocalSink] = {}
        self.handler: Callable[[PlaneEvent], None] | None = None
        self.counted: Counter[str] = Counter()
        self._engine = engine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm = Alarm(self._timeout)
        self._telling = self._wanted = False
        self._complain_at = 0.0

    # -- life ----------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Between `start` and `stop`."""
        return self._loop is not None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell what happens, from now on."""
        self._loop = loop
        loop.add_reader(self._engine.bell(), self.tell)
        self._alarm.start(loop)
        self.want()

    def stop(self) -> None:
        """Tell nothing any more."""
        self._alarm.stop()
        if self._loop is not None:
            self._loop.remove_reader(self._engine.bell())
            self._loop = None
        self.own.clear()

    # -- telling -------------------------------------------------------------------

    def want(self) -> None:
        """Have what links say told soon, once, however many calls ask for it."""
        if self._loop is not None and not self._wanted and not self._telling:
            self._wanted = True
            self._loop.call_soon(self.tell)

    def tell(self) -> None:
        """Hand on what waits, and wait for what links have to do next."""
        self._wanted = False
        self._hand_on()
        if not self._telling:
            self._alarm.at(self.links.next_timeout())

    def _hand_on(self) -> None:
        if self._telling:
            return
        self._telling = True
        try:
            self._attempt("links", self.links.flush)
            self._tell_own()
            for kind, told in self._engine.take():
                self._take(kind, told)
                self._tell_own()
        finally:
            self._telling = False

    def _tell_own(self) -> None:
        while self.own:
            event = self.own.pop(0)
            if isinstance(event, Checked):
                self.links.measured(event)
            self._report(event)

    def _take(self, kind: str, told: tuple[Any, ...]) -> None:
        match kind, told:
            case "packet", [transport, consumer, packet]:
                if sink := self.sinks.get(transport):
                    self._attempt("a local sink", sink, ConsumerId(consumer), packet)
            case "stun", _:
                self._attempt("a datagram", self.links.take, *told)
            case "released", [address, token]:
                self.links.released(address, token)
            case "failed", [what, why]:
                if what == ORDER:
                    self._attempt("links", self.links.tell_again)
                self._failed(what, RuntimeError(why))
            case _, _:
                self._report(_EVENTS[kind](*told))

    def _report(self, event: PlaneEvent) -> None:
        if self.handler is not None and self._loop is not None:
            what = f"the handler of {type(event).__name__}"
            self._attempt(what, self.handler, event)

    # -- time ----------------------------------------------------------------------

    def _timeout(self) -> None:
        """Checks of links are due."""
        if not self._attempt("a timeout", self._look_at_links):
            self._alarm.rest(monotonic() + REST_S)
        self.tell()

    def _look_at_links(self) -> None:
        self.links.catch_up()
        self._hand_on()
        self.links.handle_timeout(monotonic())

    # -- faults --------------------------------------------------------------------

    def _attempt(self, what: str, act: Callable[..., object], *told: Any) -> bool:
        """Whether it went well; nothing that raises may stop what comes behind it."""
        try:
            act(*told)
        except Exception as error:
            self._failed(what, error)
            return False
        return True

    def _failed(self, what: str, error: Exception) -> None:
        """A fault of ours: media goes on, and the log hears of it now and then."""
        self.counted["internal-error"] += 1
        now = monotonic()
        if self._loop is not None and now >= self._complain_at:
            self._complain_at = now + COMPLAIN_EVERY_S
            self._loop.call_exception_handler(
                {"message": f"{what} raised in the media plane", "exception": error}
            )


_EVENTS: dict[str, Callable[..., PlaneEvent]] = {
    "validated": TransportValidated,
    "silent": TransportSilent,
    "dtls": DtlsReceived,
    "feedback": LocalFeedback,
    "fault": PlaneFault,
    # an event of the forwarder comes as it is
    "event": lambda event: event,
}
