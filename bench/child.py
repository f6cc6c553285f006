"""A server of ours as a child that speaks JSON, one object a line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from bench import ROOT

LINE_MAX_BYTES = 1 << 20
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Child:
    """A running child; it ends when its standard input does."""

    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """The process whose cost is counted."""
        return self.process.pid

    async def hear(self) -> Any:
        """The child's next object.  Raises `RuntimeError` when it is gone."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("the server under test is gone")
        return json.loads(line)

    async def tell(self, order: Any) -> None:
        """Send one object."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()


@contextlib.asynccontextmanager
async def child(module: str) -> AsyncIterator[Child]:
    """Run `python -m module` and see it out."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=LINE_MAX_BYTES,
    )
    assert process.stdin is not None
    try:
        yield Child(process)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
