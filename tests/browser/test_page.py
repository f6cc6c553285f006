"""The page in a real Chromium: two tabs of one window, one of them hidden.

The one browser test of `make test`.  One node and one browser serve all of it, because
starting them costs more than what is asked of them.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import statistics
from pathlib import Path

import pytest
import segno

from browser.tabs import Tab, Window, window
from support.node import KEY, RunningNode, running_node
from support.patience import soon
from support.ports import free_port
from support.site import another_site

WATCHED_S = 10.0
TRIES = 6
FPS_MIN = 25.0
FIRST_FRAME_MS_MAX = 500.0
JOINS = 3
AUDIT = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8")

PUBLISHER = "document.querySelector('mesh-publisher')"
PLAYER = "document.querySelector('mesh-player')"
PRESS = "{}.shadowRoot.querySelector('button.main').click() ?? true"
VIDEO = (
    "{}.connection.pc.getStats().then(all => ({{...[...all.values()].find("
    "s => /^(in|out)bound-rtp$/.test(s.type) && s.kind === 'video'),"
    " now: performance.now()}}))"
)
# byte-mode lengths that fill versions 1 to 10 at level M: no room for padding, about
# which encoders may differ
QR_LENGTHS = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213)


@pytest.mark.timeout(300)
async def test_the_page_publishes_watches_and_shares() -> None:
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium")
    http, admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with running_node(http=http, admin=admin, port=0) as node:
        async with window() as browser:
            publishing = await browser.open(f"{node.url}/#publish=page")
            await publish(publishing)
            watching = await browser.open(node.url)
            await watch_from_list(watching)
            await first_frames_are_quick(watching)
            await hidden_tab_keeps_its_rate(publishing, watching)
            assert await watching.evaluate(AUDIT) == []
            assert await publishing.evaluate(AUDIT) == []
            await qr_codes_are_right(watching)
            await element_plays_on_another_site(browser, node)
            await browser.front(watching)
            await stops(publishing, watching)
            await waits_and_chooses_a_layer(publishing, watching)
            assert publishing.complaints + watching.complaints == []


async def publish(tab: Tab) -> None:
    """Press Publish, be asked for the key, give it, be live."""
    await tab.until(f"{PUBLISHER}?.src?.endsWith('/whip/page')")
    assert await tab.evaluate(f"{PUBLISHER}.keyField.hidden")
    await tab.evaluate(PRESS.format(PUBLISHER))
    await tab.until(f"!{PUBLISHER}.keyField.hidden")
    assert await tab.evaluate(f"{PUBLISHER}.getAttribute('state')") == "refused"
    await tab.evaluate(f"{PUBLISHER}.token = {json.dumps(KEY)}")
    await tab.evaluate(PRESS.format(PUBLISHER))
    await tab.until(f"{PUBLISHER}.getAttribute('state') === 'live'")


async def watch_from_list(tab: Tab) -> None:
    """The stream is listed, with a button that plays it."""
    button = "document.querySelector('#streams button')"
    assert await tab.until(f"{button}?.ariaLabel") == "Watch page"
    await tab.evaluate(f"{button}.click() ?? true")
    await tab.until(f"{PLAYER}.firstFrame_ms !== null")


async def hidden_tab_keeps_its_rate(publishing: Tab, watching: Tab) -> None:
    """What the hidden tab draws is decoded at its full rate, without a freeze.

    A browser that slows a hidden tab down does so always; a busy machine at times.
    """
    assert await publishing.evaluate("document.visibilityState") == "hidden"
    assert await watching.evaluate("document.visibilityState") == "visible"
    found = [await rate_and_freezes(watching)]
    while len(found) < TRIES and not is_smooth(*found[-1]):
        found.append(await rate_and_freezes(watching))
    print("fps and freezes, hidden:", *found)
    assert is_smooth(*found[-1])


def is_smooth(fps: float, freezes: int) -> bool:
    return fps >= FPS_MIN and freezes == 0


async def rate_and_freezes(watching: Tab) -> tuple[float, int]:
    """Of the watched stream during `WATCHED_S`."""
    before = await watching.evaluate(VIDEO.format(PLAYER))
    await asyncio.sleep(WATCHED_S)  # the measurement itself
    after = await watching.evaluate(VIDEO.format(PLAYER))
    frames = after["framesDecoded"] - before["framesDecoded"]
    fps = frames / (after["now"] - before["now"]) * 1000
    return round(fps, 1), after["freezeCount"] - before["freezeCount"]


async def first_frames_are_quick(tab: Tab) -> None:
    """From pressing Watch to the first frame, half of the time.

    What is slow by itself always is; a busy machine at times.
    """
    await soon(lambda: median_first_frame_ms(tab), FIRST_FRAME_MS_MAX)


async def median_first_frame_ms(tab: Tab) -> float:
    """Of some joins."""
    taken: list[float] = []
    for _ in range(JOINS):
        await tab.evaluate(PRESS.format(PLAYER))
        await tab.until(f"{PLAYER}.getAttribute('state') === 'ended'")
        await tab.evaluate(f"({PLAYER}.firstFrame_ms = null, 1)")
        await tab.evaluate(PRESS.format(PLAYER))
        taken.append(await tab.until(f"{PLAYER}.firstFrame_ms"))
    print("first frames", [round(each) for each in taken], "ms")
    return statistics.median(taken)


async def qr_codes_are_right(tab: Tab) -> None:
    """Each is one of the eight maskings that an independent encoder makes."""
    letters = random.Random(7)
    for length in QR_LENGTHS:
        text = "".join(letters.choice("abcdefgh-_.:/") for _ in range(length))
        call = f"(await import('/js/qr.js')).encode({json.dumps(text)})"
        made = await tab.evaluate(f"({call}).map(row => row.map(Number))")
        masked = (
            segno.make(text, error="m", boost_error=False, micro=False, mask=mask)
            for mask in range(8)
        )
        assert made in [[list(row) for row in code.matrix] for code in masked]


async def element_plays_on_another_site(browser: Window, node: RunningNode) -> None:
    """It is pasted into a page of somebody else."""
    body = (
        f'<script type="module" src="{node.url}/js/elements.js"></script>'
        f'<mesh-player src="{node.whep("page")}" autoplay></mesh-player>'
    )
    async with another_site(body) as url:
        tab = await browser.open(url)
        await tab.until(f"{PLAYER}?.firstFrame_ms")
        assert tab.complaints == []


async def stops(publishing: Tab, watching: Tab) -> None:
    """Stop ends the stream, the list says so, and the player waits for it."""
    await publishing.evaluate(PRESS.format(PUBLISHER))
    await watching.evaluate(PRESS.format(PLAYER))
    await watching.until("!document.querySelector('#streams button')")


async def waits_and_chooses_a_layer(publishing: Tab, watching: Tab) -> None:
    """A viewer who came too early gets the stream, and of two layers the smaller."""
    state = f"{PLAYER}.getAttribute('state')"
    await watching.evaluate(PRESS.format(PLAYER))
    await watching.until(f"{state} === 'waiting' && {PLAYER}.countdown.textContent")
    await publishing.evaluate(f"({PUBLISHER}.simulcast.checked = true)")
    await publishing.evaluate(PRESS.format(PUBLISHER))
    await watching.until(f"{state} === 'live'")
    menu = f"{PLAYER}.quality"
    await watching.until(f"!{menu}.hidden && {menu}.options.length === 3")
    choose = f"({menu}.value = 'm', {menu}.dispatchEvent(new Event('change')))"
    await watching.evaluate(choose)
    width = VIDEO.format(PLAYER) + ".then(video => video.frameWidth === 320)"
    await watching.until(width)
