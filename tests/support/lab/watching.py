"""Chromium in the laboratory: how often the picture stood still.

Two players of one browser watch the same stream, one with the browser's own jitter
buffer and one with the target that our page sets, so that a freeze can be blamed.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from support.browser import CHROMIUM, Client, chromium, client
from support.lab.lab import Lab
from support.lab.processes import NodeProcess

TARGET_MS = 200
_SET_TARGET = """
    ([number, target]) => players[number].getReceivers().forEach(
        receiver => { receiver.jitterBufferTarget = target; })
"""


@dataclass(frozen=True)
class Watcher:
    """A page with the two players; freezes are counted from the beginning."""

    page: Client
    default: int
    buffered: int

    async def freezes(self) -> tuple[int, int]:
        """So far, with the default buffer and with ours."""
        counts = []
        for player in (self.default, self.buffered):
            report = await self.page.received(player)
            counts.append(int(report["inbound-rtp-video"].get("freezeCount", 0)))
        return counts[0], counts[1]

    async def frames(self) -> int:
        """Pictures decoded so far, with the default buffer."""
        report = await self.page.received(self.default)
        return int(report["inbound-rtp-video"].get("framesDecoded", 0))


@contextlib.asynccontextmanager
async def watching(lab: Lab, node: NodeProcess, stream: str) -> AsyncIterator[Watcher]:
    """A browser on the node's own host that plays the stream twice."""
    program = lab.wrapper(node.name, CHROMIUM)
    async with chromium(node.url, program) as browser:
        page = await client(browser, node.url)
        default = await page.play(f"{node.url}/whep/{stream}")
        buffered = await page.play(f"{node.url}/whep/{stream}")
        await page.page.evaluate(_SET_TARGET, [buffered, TARGET_MS])
        for player in (default, buffered):
            await page.first_frame_ms(player)
        yield Watcher(page, default, buffered)
