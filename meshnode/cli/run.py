"""`meshnode run`: a node of our own process, from start to drain.

The library never installs signal handlers; this is the process that does.  The first
SIGTERM or SIGINT drains the node within ten seconds and ends with 0, the second one
ends at once.

Nor does the library touch the collector of cycles.  Here the process is ours: a full
collection walks every module that was imported, and media waits meanwhile.  Measured
with 50 viewers on a busy machine: 294 to 324 ms, 70 to 82 when what was there at the
start is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator

from meshnode.cli.banner import announcement
from meshnode.cli.conflicts import sentence
from meshnode.cli.folder import DataFolder, LockedError, default_folder
from meshnode.cli.terminal import say
from meshnode.config import Settings
from meshnode.node.mesh import MeshNode
from meshnode.observe.log import configure
from meshproto.errors import StateError

DRAIN_S = 9.0
HARD_EXIT = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_node(settings: Settings) -> int:
    """Run until a signal.  Raises `StateError` when the node cannot start."""
    settings = settings.model_copy(
        update={
            "data": settings.data or default_folder(os.environ),
            "mesh": _in_mesh(settings),
        }
    )
    folder = DataFolder(settings.data or default_folder(os.environ))
    try:
        with folder:
            settings, fresh_key = with_key(settings, folder)
            key = settings.read_publish_key()
            configure(settings.log_level, settings.log_format, secrets=[key or ""])
            return asyncio.run(_serve(settings, fresh_key))
    except LockedError as error:
        raise StateError(sentence(settings, str(error), folder_taken=True)) from None


def _in_mesh(settings: Settings) -> bool:
    """A node of the command line is, unless it is told otherwise."""
    return settings.mesh is not False


def with_key(settings: Settings, folder: DataFolder) -> tuple[Settings, str]:
    """Settings with the publish key of `folder` where one is needed.

    Whoever reaches the node from outside must show a key.  If there is none yet it is
    made and returned, to be shown this once; otherwise the second value is "".
    """
    if not is_exposed(settings) or settings.read_publish_key() is not None:
        return settings, ""
    fresh = folder.make_key() if folder.read_key() is None else ""
    return settings.model_copy(update={"publish_key_file": folder.key_file}), fresh


def is_exposed(settings: Settings) -> bool:
    """Whether others than this machine's users can reach the doors."""
    outside = settings.public_url or settings.trusted_proxy
    return bool(outside) or not settings.http_endpoint.is_loopback


async def _serve(settings: Settings, fresh_key: str) -> int:
    stopped = _stopped_by_signal()
    try:
        async with MeshNode(settings) as node:
            is_terminal = sys.stdout.isatty()
            for line in announcement(
                node.status(), settings, fresh_key, qr=is_terminal
            ):
                say(line)
            _spare_what_stays()
            with _reloading(node):
                await stopped.wait()
            await _drain(node)
    except StateError as error:
        # what was taken is still taken, and deserves the longer answer
        raise StateError(sentence(settings) or str(error)) from None
    return 0


def _spare_what_stays() -> None:
    """Collections from now on walk only what comes from now on."""
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def _reloading(node: MeshNode) -> Iterator[None]:
    """SIGHUP reads the operator's lists again, where there is such a signal."""
    number = getattr(signal, "SIGHUP", None)
    loop = asyncio.get_running_loop()
    if number is not None:
        loop.add_signal_handler(number, node.reload_lists)
    try:
        yield
    finally:
        if number is not None:
            loop.remove_signal_handler(number)


async def _drain(node: MeshNode) -> None:
    say("draining; Ctrl-C again ends at once")
    try:
        async with asyncio.timeout(DRAIN_S):
            await node.drain()
    except TimeoutError:
        say("some sessions did not end in time")


def _stopped_by_signal() -> asyncio.Event:
    """An event that the first signal sets; the second ends the process."""
    stopped = asyncio.Event()

    def stop() -> None:
        if stopped.is_set():
            os._exit(HARD_EXIT)
        stopped.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    return stopped
