"""Sound and picture of a recording over WHEP, clapped by a browser.

A browser reports to the sender's clock as it encodes, so what is measured here is what
`meshnode record` makes of a real sender: whole, killed, and through a reconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import pytest
from playwright.async_api import Browser

from meshnode import MeshNode
from support import clapper
from support.browser import client
from support.clapper import offsets_s
from support.recorder import grown, recording

# why long: `make test` holds one publisher and one viewer of a browser
pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

SCRIPT = Path(clapper.__file__).with_suffix(".js").read_text(encoding="utf-8")
OFFSET_MAX_S = 0.04
PART_S = 8.0


@contextlib.asynccontextmanager
async def clapping(browser: Browser, node: MeshNode, name: str) -> AsyncIterator[None]:
    base = node.urls["local"].rstrip("/")
    page = (await client(browser, base)).page
    await page.evaluate(f"() => {{ {SCRIPT} }}")
    await page.evaluate("url => clap(url)", f"{base}/whip/{name}")
    try:
        yield
    finally:
        await page.evaluate("fetch(clapping.session, {method: 'DELETE'})")
        await page.close()


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
async def test_sound_and_picture_belong_together_in_what_is_recorded(
    node: MeshNode, browser: Browser, tmp_path: Path, suffix: str
) -> None:
    url = f"{node.urls['whep']}demo"
    whole, killed = tmp_path / f"whole{suffix}", tmp_path / f"killed{suffix}"
    async with recording(url, whole) as one, recording(url, killed) as other:
        async with clapping(browser, node, "demo"):
            await grown(killed, PART_S)
            before_s = await grown(whole, PART_S)
        async with clapping(browser, node, "demo"):
            await grown(killed, before_s + PART_S)
            await grown(whole, before_s + PART_S)
            other.send_signal(signal.SIGKILL)
            one.send_signal(signal.SIGINT)
            await asyncio.wait_for(asyncio.gather(one.wait(), other.wait()), 15)
    found = {path.name: offsets_s(path) for path in (whole, killed)}
    for name, offsets in found.items():
        shown = ", ".join(f"{1000 * each:.0f}" for each in offsets)
        print(f"{name}: median {1000 * median(offsets):.0f} ms of {shown}")
    for offsets in found.values():
        assert len(offsets) >= 12
        assert max(map(abs, offsets)) < OFFSET_MAX_S
