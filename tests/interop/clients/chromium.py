"""Chromium publishes and plays with the bare scripts of tests/support.

One process is one browser with one page.  What is decoded is read from getStats, not
from the screen, so that a busy machine does not count against the node.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import door
from playwright.async_api import Browser

from support.browser import SCRIPT, Client, chromium

SIMULCAST = [
    {"rid": "l", "scaleResolutionDownBy": 4, "maxBitrate": 150_000},
    {"rid": "m", "scaleResolutionDownBy": 2, "maxBitrate": 500_000},
    {"rid": "h", "scaleResolutionDownBy": 1, "maxBitrate": 1_200_000},
]


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def client(browser: Browser, url: str) -> Client:
    """A page on the node's origin with the bare scripts."""
    page = await browser.new_page()
    await page.goto(f"{origin(url)}/healthz")
    await page.evaluate(f"{SCRIPT};undefined")
    return Client(page)


async def publish(url: str, codec: str, key: str, simulcast: bool) -> None:
    async with chromium(origin(url)) as browser:
        page = await client(browser, url)
        extra: dict[str, Any] = {"encodings": SIMULCAST} if simulcast else {}
        size = {"width": 1280, "height": 720} if simulcast else {"height": 360}
        await page.publish(url, key, codec=codec, **size, **extra)
        await connected(page)
        door.live()
        await door.told()
        await page.page.evaluate("fetch(publisher.session, {method: 'DELETE'})")


async def connected(page: Client) -> None:
    """Wait until the publisher's transport is up."""
    state = "publisher.connectionState === 'connected'"
    await page.page.wait_for_function(state, timeout=1000 * door.CONNECT_DEADLINE_S)


async def first_frame(page: Client) -> None:
    """Wait until the player has decoded something."""
    deadline = time.monotonic() + door.FIRST_FRAME_DEADLINE_S
    while time.monotonic() < deadline:
        video = (await page.received()).get("inbound-rtp-video", {})
        if video.get("framesDecoded"):
            return
        await asyncio.sleep(0.02)
    raise SystemExit("no frame")


async def play(url: str, seconds: float) -> None:
    async with chromium(origin(url)) as browser:
        page = await client(browser, url)
        began = time.monotonic()
        await page.play(url)
        await first_frame(page)
        first_s = time.monotonic() - began
        before = (await page.received())["inbound-rtp-video"]
        await asyncio.sleep(seconds)
        after = await page.received()
        video, audio = after["inbound-rtp-video"], after.get("inbound-rtp-audio", {})
        frames = video["framesDecoded"] - before["framesDecoded"]
        freezes = video.get("freezeCount", 0) - before.get("freezeCount", 0)
        note = f"{freezes} freezes" if freezes else ""
        heard = int(audio.get("packetsReceived", 0))
        door.report(door.Result(frames, seconds, first_s, heard, note))


if __name__ == "__main__":
    options = door.arguments()
    if options.action == "publish":
        asyncio.run(publish(options.url, options.codec, options.key, options.simulcast))
    else:
        asyncio.run(play(options.url, options.seconds))
