"""`meshnode record` as its users run it, and how much of its file can be read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av

GROWN_S = 60.0


@contextlib.asynccontextmanager
async def recording(url: str, path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that records; gone at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meshnode.cli.main", "record"),
        *(url, "-o", str(path), "--wait", "30"),
        env=os.environ,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def length_s(path: Path) -> float:
    """The time of the last picture that can be read out of the file by now."""
    try:
        with av.open(str(path)) as container:
            packets = container.demux(container.streams.video[0])
            times = [float(p.pts * p.time_base) for p in packets if p.pts is not None]
    except (av.FFmpegError, OSError, IndexError):
        return 0.0  # not even a header yet
    return max(times, default=0.0)


async def grown(path: Path, seconds: float) -> float:
    """Wait until so much can be read; how much it is."""
    deadline = time.monotonic() + GROWN_S
    # why a thread: a publisher may run in this loop
    while (length := await asyncio.to_thread(length_s, path)) < seconds:
        assert time.monotonic() < deadline, f"{path.name}: {length} s only"
        await asyncio.sleep(0.5)
    return length
