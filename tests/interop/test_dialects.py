"""The dialects as browsers speak them: pages in the originals' shape, in Chromium."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from support.browser import chromium
from support.control_world import until
from support.dialects.monoport import MonoportClient
from support.mesh_nodes import mesh, mesh_nodes, ready
from support.node import KEY, RunningNode, eventually, running_node
from support.rtc import Viewer

SCRIPT = (Path(__file__).parents[1] / "support/dialects/pages.js").read_text()
GREYS = (60, 120, 180)
NEAR = 20
WITHIN_S = 40.0
MONOPORT, TUTORIAL, DIRECT = 18800, 18801, 18802

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium"),
]


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    dialects = f"monoport=:{MONOPORT},tutorial=:{TUTORIAL},tutorial-p2p=:{DIRECT}"
    with running_node(
        *("--no-mesh", "--dialects", dialects),
        http="127.0.0.1:18182",
        admin="127.0.0.1:18183",
        port=15101,
    ) as running:
        yield running


@pytest.fixture
async def browser(node: RunningNode) -> AsyncIterator[Browser]:
    async with chromium(node.url) as running:
        yield running


async def opened(browser: Browser, node: RunningNode, call: str, **given: Any) -> Page:
    page = await browser.new_page()
    await page.goto(f"{node.url}/healthz")
    await page.evaluate(f"() => {{ {SCRIPT} }}")
    await page.evaluate(f"o => void window.{call}(o)", given)
    return page


async def shows(page: Page, *greys: int) -> None:
    """Wait until the page shows just these pictures, all of them moving."""

    async def right() -> bool:
        seen = sorted(await page.evaluate("greys(pc)"))
        near = len(seen) == len(greys) and all(
            abs(one - other) <= NEAR for one, other in zip(seen, greys, strict=True)
        )
        return near and min(await page.evaluate("decoded(pc)")) >= 10

    try:
        await eventually(right, WITHIN_S, f"{greys} are shown")
    except AssertionError as error:
        raise AssertionError(f"{error}: {await page.evaluate('greys(pc)')}") from None


async def test_three_monoport_pages(browser: Browser, node: RunningNode) -> None:
    url = f"ws://127.0.0.1:{MONOPORT}/sdp?access_token={KEY}"
    pages = [
        await opened(browser, node, "monoport", url=url, peerId=f"p{luma}", luma=luma)
        for luma in GREYS
    ]
    for page, own in zip(pages, GREYS, strict=True):
        await shows(page, *(grey for grey in GREYS if grey != own))
        assert "stun-candidate" in await page.evaluate("types")
        assert "error" not in await page.evaluate("types")
    await pages[0].close()
    late = await opened(
        browser, node, "monoport", url=url, peerId=f"p{GREYS[0]}", luma=GREYS[0]
    )
    await shows(late, *GREYS[1:])
    for page in (*pages[1:], late):
        await page.close()


async def test_three_polling_pages(browser: Browser, node: RunningNode) -> None:
    pages = [
        await opened(browser, node, "polling", url=node.url, token=KEY, luma=luma)
        for luma in GREYS
    ]
    for page, own in zip(pages, GREYS, strict=True):
        await shows(page, *(grey for grey in GREYS if grey != own))
    for page in pages:
        await page.close()


@pytest.mark.parametrize("sender_first", [True, False])
async def test_tutorial_pages_through_the_node(
    browser: Browser, node: RunningNode, sender_first: bool
) -> None:
    url = f"ws://127.0.0.1:{TUTORIAL}/"
    with_key = f"{url}?access_token={KEY}"
    pages = []
    if sender_first:
        sender = {"url": with_key, "luma": GREYS[1]}
        pages.append(await opened(browser, node, "tutorialSender", **sender))
    receivers = [await opened(browser, node, "tutorialReceiver", url=url)]
    if not sender_first:
        sender = {"url": with_key, "luma": GREYS[1]}
        pages.append(await opened(browser, node, "tutorialSender", **sender))
    receivers.append(await opened(browser, node, "tutorialReceiver", url=url))
    for page in receivers:
        await shows(page, GREYS[1])
    for page in (*pages, *receivers):
        await page.close()


@pytest.mark.parametrize("sender_first", [True, False])
async def test_tutorial_pages_peer_to_peer(
    browser: Browser, node: RunningNode, sender_first: bool
) -> None:
    url = f"ws://127.0.0.1:{DIRECT}/"
    calls = [("tutorialSender", {"luma": GREYS[2]}), ("tutorialReceiver", {})]
    ordered = calls if sender_first else calls[::-1]
    pages = {
        call: await opened(browser, node, call, url=url, **given)
        for call, given in ordered
    }
    await shows(pages["tutorialReceiver"], GREYS[2])
    live = [s["name"] for s in node.status()["streams"] if s["state"] == "live"]
    assert not [name for name in live if name.startswith("tutorial")]
    for page in pages.values():
        await page.close()


async def test_what_a_guest_sends_is_watched_at_another_node() -> None:
    """And goes on there when the guest adds a track."""
    hosts = ("0.0.0.0",)
    async with mesh_nodes() as start:
        here = await start(dialects="monoport=:0", hosts=hosts)
        there = await start(here, hosts=hosts)
        await until(lambda: ready(here) and ready(there), WITHIN_S)
        async with MonoportClient(here.urls["monoport"], "one", 40, 40) as guest:
            stream = "monoport~one~v0"
            await until(
                lambda: stream in {s.name for s in mesh(there).streams}, WITHIN_S
            )
            async with Viewer(f"{there.urls['whep']}{stream}", "video") as viewer:
                await viewer.sees(5, WITHIN_S)
                guest.eyes.send(120)
                await guest.offer()
                await viewer.sees(30, WITHIN_S)


async def test_guests_of_different_nodes_see_each_other() -> None:
    hosts = ("0.0.0.0",)
    async with mesh_nodes() as start:
        here = await start(dialects="monoport=:0", hosts=hosts)
        there = await start(here, dialects="monoport=:0", hosts=hosts)
        await until(lambda: ready(here) and ready(there), WITHIN_S)
        one = MonoportClient(here.urls["monoport"], "one", 40, 40, 120)
        two = MonoportClient(there.urls["monoport"], "two", 120, 40, 120)
        async with one, two:
            await until(lambda: one.eyes.sees(120) and two.eyes.sees(40), WITHIN_S)
