"""asyncio on this side, trio in a thread on the other, and nobody waits for anybody.

Into trio go calls (`post`, refused when trio is down) and jobs with a result (`ask`,
refused when too many are under way).  Out of it come calls, run on the loop in order, a
bounded number per turn so that media is not held up.  Neither side ever blocks.  What
is posted is bounded by its cause: one ring per queue, one reply per request, one
receipt per turn of the loop; to refuse one of those would be to lose it.

If the trio run ends by an exception, however that came about, the supervisor starts it
again after a pause that doubles from 0.1 s to 30 s; what was asked for fails at once.
Only a `StateError` ends it: that is for people, and `start` raises it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

import trio

from meshnode.control.libp2p.mailbox import Mailbox
from meshnode.control.libp2p.values import DialError
from meshproto.errors import MeshError, StateError

LOGGER = logging.getLogger("meshnode.control.libp2p")
TURN_MAX = 64
"""Calls out of trio that one turn of the loop runs."""
PAUSE_FIRST_S, PAUSE_MAX_S = 0.1, 30.0
HEALTHY_S = 60.0
"""A run that lasted so long begins the pauses anew."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Call = Callable[[], None]


class Bridge:
    """Runs `main(started)` in trio until it returns; `restarted(times)` is called on
    the loop after each failure of it.
    """

    def __init__(
        self,
        main: Callable[[Call], Awaitable[None]],
        restarted: Callable[[int], None],
        *,
        jobs_max: int,
        events_max: int,
    ) -> None:
        self._main = main
        self._restarted = restarted
        self._jobs_max = jobs_max
        self._out: Mailbox[tuple[Call, Call | None]] = Mailbox(events_max, self._ring)
        self._token: trio.lowlevel.TrioToken | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] | None = None
        self._stopping = threading.Event()
        self._waiting: set[asyncio.Future[Any]] = set()

    # the asyncio side

    async def start(self) -> None:
        """Start the thread and wait until `main` said that it started."""
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        begun = self._loop.create_future()
        self._begun: asyncio.Future[None] = begun
        self._thread = threading.Thread(target=self._run, name="libp2p", daemon=True)
        self._thread.start()
        await begun

    async def join(self) -> None:
        """Wait for the thread after something posted made `main` return."""
        self._stopping.set()
        if self._ended is not None:
            await self._ended
        if self._thread is not None:
            self._thread.join()  # it has said that it is done
        self._fail_waiting()

    @property
    def crowded(self) -> bool:
        """Whether the loop is behind; whoever can should hold back."""
        return self._out.full

    def post(self, call: Callable[[*Ts], object], *arguments: *Ts) -> bool:
        """Run `call` in trio soon; False when it will not be run."""
        token = self._token
        if token is None:
            return False
        try:
            token.run_sync_soon(_run_posted, call, arguments)
        except trio.RunFinishedError:
            return False
        return True

    async def ask(self, start: Callable[[Callable[[Any], None]], Call]) -> Any:
        """Have `start(answer)` called in trio, and wait until it calls `answer` with a
        result or an exception.  What `start` returns cancels the job.
        """
        assert self._loop is not None
        if len(self._waiting) >= self._jobs_max:
            raise DialError("full", f"{self._jobs_max} calls are under way")
        future: asyncio.Future[Any] = self._loop.create_future()
        cancels: list[Call] = []

        def answer(result: Any) -> None:
            self.tell(lambda: _resolve(future, result))

        def begin() -> None:
            cancels.append(start(answer))

        if not self.post(begin):
            raise DialError("closed", "libp2p is not running")
        self._waiting.add(future)
        try:
            return await future
        except asyncio.CancelledError:
            self.post(_run_all, cancels)
            raise
        finally:
            self._waiting.discard(future)

    def _drain(self) -> None:
        taken = self._out.take(TURN_MAX)
        for call, _ in taken:
            try:
                call()
            except Exception:
                LOGGER.exception("a handler of libp2p events failed")
        done = [after for _, after in taken if after is not None]
        if done:
            self.post(_run_all, done)
        if taken:
            assert self._loop is not None
            self._loop.call_soon(self._drain)

    def _fail_waiting(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_exception(DialError("closed", "libp2p went down"))

    # the trio side

    def tell(self, call: Call, after: Call | None = None) -> None:
        """Run `call` on the loop, then `after` in trio."""
        self._out.put((call, after))

    def _ring(self) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._drain)
        except RuntimeError:
            LOGGER.debug("the loop closed before libp2p did")

    async def _supervised(self) -> None:
        token = trio.lowlevel.current_trio_token()

        def started() -> None:
            self._token = token
            self.tell(lambda: _resolve(self._begun, None))

        await self._main(started)

    def _run(self) -> None:
        pause_s, times = PAUSE_FIRST_S, 0
        while True:
            began = time.monotonic()
            error = self._run_once()
            self._token = None
            if error is None or self._stopping.is_set():
                break
            if isinstance(error, StateError):
                # why not again: somebody has to do what the sentence says
                self.tell(partial(_resolve, self._begun, error))
                break
            times += 1
            LOGGER.error("libp2p failed and is started again", exc_info=error)
            self.tell(self._fail_waiting)
            self.tell(partial(self._restarted, times))
            if time.monotonic() - began > HEALTHY_S:
                pause_s = PAUSE_FIRST_S
            if self._stopping.wait(pause_s):
                break
            pause_s = min(pause_s * 2, PAUSE_MAX_S)
        self.tell(self._end)

    def _run_once(self) -> BaseException | None:
        try:
            trio.run(self._supervised)
        except BaseException as error:
            return error
        return None

    def _end(self) -> None:
        if not self._begun.done():
            self._begun.set_exception(DialError("closed", "libp2p did not start"))
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)


def _resolve(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():
        return
    if isinstance(result, MeshError):
        future.set_exception(result)
    else:
        future.set_result(result)


def _run_posted(call: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    try:
        call(*arguments)
    except Exception:
        LOGGER.exception("a call into libp2p failed")


def _run_all(calls: list[Call]) -> None:
    for call in calls:
        call()
