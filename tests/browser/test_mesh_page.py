"""The map of a real mesh in a real Chromium, and a viewer who enters elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from browser.tabs import Tab, window
from meshnode import MeshNode
from meshnode.control.identity import verify
from meshnode.signalling.entrance import Entry, Onward
from meshnode.signalling.passes import Passes
from support.control_world import until
from support.mesh_nodes import (
    Start,
    bring,
    knows,
    mesh,
    mesh_nodes,
    ready,
    source,
    with_door,
)

AUDIT = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8")
PHONE = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
PLAYER = "document.querySelector('mesh-player')"
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium"),
]


def count(selector: str) -> str:
    return f"document.querySelectorAll({json.dumps(selector)}).length"


ALONE = """
import(new URL("js/mesh-map.js", document.baseURI).href).then((module) =>
  module.sentence(
    { links: [], nodes: [], me: "a" },
    { name: "cam", state: "origin", edges: [{ source: "a", role: "active" }] }))
"""


async def test_the_map_shows_links_and_the_tree_and_follows_them() -> None:
    async with mesh_nodes() as start, window() as browser:
        first = await start()
        second = await start(first)
        await until(lambda: ready(second) == 1, "a link")
        tab = await browser.open(f"{second.urls['admin']}/")
        await tab.until(f"{count('#map .link')} === 1")
        assert (
            "cam is published here and passed on to 1 other node."
            in await tab.evaluate(ALONE)
        )
        assert "partial view" in await tab.evaluate("document.body.innerText")
        await shows_the_tree(tab, first, second)
        await grows(tab, start, second)
        await fits_a_phone(tab)
        assert tab.complaints == []


async def shows_the_tree(tab: Tab, first: MeshNode, second: MeshNode) -> None:
    async with source(first):
        await until(lambda: knows(second, "cam"), "the stream is known")
        await bring(second)
        with second.subscribe("cam"):
            await tab.until(f"{count('#map .edge.active')} === 1")
            await tab.until(f"{count('#hops tr')} === 2")
            hops = await tab.evaluate("document.getElementById('hops').innerText")
            assert f"{mesh(first).node[-6:]} (origin)" in hops
            assert await tab.evaluate("document.getElementById('stream').value")
            assert await tab.evaluate(AUDIT) == []


async def grows(tab: Tab, start: Start, second: MeshNode) -> None:
    await start(second)
    await tab.until(f"{count('#map .link')} >= 2")
    await tab.until(f"{count('#links tr')} >= 2")


async def fits_a_phone(tab: Tab) -> None:
    await tab.command("Emulation.setDeviceMetricsOverride", **PHONE)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    await tab.command("Emulation.setEmulatedMedia", features=features)
    await tab.until("innerWidth <= 400")
    assert await tab.evaluate(AUDIT) == []


class Far:
    """A node that is far from the origin, and one that is not."""

    def __init__(self, here: MeshNode, there: MeshNode) -> None:
        self._here, self._there = here, there

    def own(self, stream: str) -> Entry:
        return _entry(self._here, 0.5, here=True)

    def others(self, stream: str) -> Sequence[Entry]:
        return [_entry(self._there, 0.0)]


def _entry(node: MeshNode, cost_s: float, *, here: bool = False) -> Entry:
    control = node._control
    assert control is not None
    base = node.urls["page"].rstrip("/")
    return Entry(control.node, base, "127.0.0.1:9", cost_s, 4, 0.0, here)


async def test_the_page_enters_by_the_node_with_the_least_sum() -> None:
    async with mesh_nodes() as start, window() as browser:
        first = await start(**with_door())
        second = await start(first, **with_door())
        control = second._control
        assert control is not None
        passes = Passes(control.node, control.sign, verify, lambda: 0.0)
        second._parts.onward = Onward(Far(second, first), passes, lambda: False)
        async with source(first):
            tab = await browser.open(f"{second.urls['local']}#watch=cam")
            session = f"{PLAYER}?.connection?.session?.url"
            await tab.until(session)
            assert (await tab.evaluate(session)).startswith(first.urls["whep"])
            await tab.until(f"{PLAYER}.getAttribute('state') === 'live'")
            assert tab.complaints == []
