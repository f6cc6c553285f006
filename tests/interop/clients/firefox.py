"""Firefox publishes and plays with the same bare scripts as Chromium.

It gathers no candidates without a default route, so it runs in a network namespace.
Its picture comes from the built-in fake camera: a canvas is captured only as often as
the page is painted, which a headless window does not promise.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time

import door
from bidi import Page, firefox
from chromium import origin

from support.browser import SCRIPT

CAMERA = """
window.picture = () => window.camera;
navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360}, fake: true})
  .then(stream => { window.camera = stream.getVideoTracks()[0]; });
"""
READY_DEADLINE_S = 15.0


async def until(page: Page, expression: str, deadline_s: float, what: str) -> None:
    """Poll until the expression is true."""
    end = time.monotonic() + deadline_s
    while not await page.evaluate(expression):
        if time.monotonic() > end:
            raise SystemExit(f"not within {deadline_s:.0f} s: {what}")
        await asyncio.sleep(0.05)


async def publish(page: Page, url: str, codec: str, key: str) -> None:
    await page.run(CAMERA)
    await until(page, "!!window.camera", READY_DEADLINE_S, "a fake camera")
    shape = {"url": url, "key": key, "codec": codec}
    shape |= {"width": 640, "height": 360, "fps": 30}
    await page.evaluate(f"publish({json.dumps(shape)})")
    state = "publisher.connectionState === 'connected'"
    await until(page, state, door.CONNECT_DEADLINE_S, "connected")
    door.live()
    await door.told()
    await page.evaluate("fetch(publisher.session, {method: 'DELETE'}).then(() => 1)")


async def play(page: Page, url: str, seconds: float) -> None:
    began = time.monotonic()
    await page.evaluate(f"play({json.dumps({'url': url})})")
    decoded = "report(players[0]).then(r => r['inbound-rtp-video']?.framesDecoded)"
    await until(page, decoded, door.FIRST_FRAME_DEADLINE_S, "a frame")
    first_s = time.monotonic() - began
    before = await page.evaluate("report(players[0])")
    await asyncio.sleep(seconds)
    after = await page.evaluate("report(players[0])")
    old, new = before["inbound-rtp-video"], after["inbound-rtp-video"]
    freezes = new.get("freezeCount", 0) - old.get("freezeCount", 0)
    heard = after.get("inbound-rtp-audio", {}).get("packetsReceived", 0)
    frames = new["framesDecoded"] - old["framesDecoded"]
    note = f"{freezes} freezes" if freezes else ""
    door.report(door.Result(frames, seconds, first_s, heard, note))


async def main() -> None:
    options = door.arguments()
    async with firefox(shutil.which("firefox-esr") or "firefox") as page:
        await page.goto(f"{origin(options.url)}/healthz")
        await page.run(SCRIPT)
        if options.action == "publish":
            await publish(page, options.url, options.codec, options.key)
        else:
            await play(page, options.url, options.seconds)


if __name__ == "__main__":
    asyncio.run(main())
