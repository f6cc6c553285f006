"""The progress of publish and play, and how both come to an end.

On a terminal one line changes in place; in a pipe or a log a line appears every few
seconds.  A client ends when its time is up, on Ctrl-C or SIGTERM, or when the other end
hangs up; in each case the session is closed properly by the context it lives in.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from enum import Enum

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.text import Text

from meshnode.cli.terminal import tell
from meshnode.client.base import Client
from meshnode.client.session import RejectedError
from meshnode.client.statistics import Sample

TERMINAL_INTERVAL_S = 0.5
PIPE_INTERVAL_S = 2.0
FAILURES = (RejectedError, ValueError, OSError, TimeoutError, aiohttp.ClientError)
INTERRUPTED = 130
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


class End(Enum):
    """Why a client stopped."""

    TIME = "time"
    EVENT = "event"
    PEER = "peer"


@contextlib.contextmanager
def interruptions() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set; a second one interrupts the hard way."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop() -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    for number in INTERRUPTS:
        loop.add_signal_handler(number, stop)
    try:
        yield stopped
    finally:
        for number in INTERRUPTS:
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def session(client: Client, stopped: asyncio.Event) -> AsyncIterator[bool]:
    """Enter `client`, and leave it in the end; False when stopped before it was open.

    Raises what entering raises, one of `FAILURES`.
    """
    entering = asyncio.ensure_future(client.__aenter__())
    signalled = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({entering, signalled}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    if not entering.done():
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        yield False
        return
    entering.result()
    try:
        yield True
    finally:
        await client.__aexit__(None, None, None)


async def watch(
    client: Client, duration_s: float | None, *events: asyncio.Event
) -> tuple[End, Sample]:
    """Show how `client` does until it ends, its time is up or one of `events` is set;
    which of these, and the last figures.
    """
    ended = asyncio.create_task(client.ended())
    waits = {ended, *(asyncio.create_task(event.wait()) for event in events)}
    try:
        async with asyncio.timeout(duration_s), _line() as show:
            while not any(wait.done() for wait in waits):
                await asyncio.wait(
                    waits, timeout=_interval_s(), return_when=asyncio.FIRST_COMPLETED
                )
                show(str(await client.sample()))
    except TimeoutError:
        return End.TIME, await client.sample()
    finally:
        for wait in waits:
            wait.cancel()
    return End.PEER if ended.done() else End.EVENT, await client.sample()


def failure(error: Exception) -> str:
    """A failed session in one sentence."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return (
            f"the certificate of {error.host}:{error.port} is not trusted here"
            " (SSL_CERT_FILE=PEM trusts it)"
        )
    if isinstance(error, RejectedError | ValueError | ConnectionError):
        return str(error)
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        reason = os.strerror(number) if number else str(error.os_error)
        return f"nobody answers at {error.host}:{error.port} ({reason})"
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    return f"the session failed: {error}"


def _interval_s() -> float:
    return TERMINAL_INTERVAL_S if sys.stderr.isatty() else PIPE_INTERVAL_S


class _Show:
    def __init__(self, live: Live | None) -> None:
        self._live = live

    def __call__(self, text: str) -> None:
        if self._live is None:
            tell(text)
        else:
            self._live.update(Text(text, no_wrap=True, overflow="ellipsis"))


@contextlib.asynccontextmanager
async def _line() -> AsyncIterator[_Show]:
    if not sys.stderr.isatty():
        yield _Show(None)
        return
    with Live(Text(""), console=Console(stderr=True), auto_refresh=True) as live:
        yield _Show(live)
