"""Rooms with real pages: many members, layers, limits, and who speaks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from meshnode import MeshNode
from support import dialects
from support.browser import SCRIPT as DRAWING
from support.node import eventually

# why long: `make test` holds one publisher and one viewer of a browser
pytestmark = pytest.mark.long

SCRIPT = (Path(dialects.__file__).parent / "sfu_go.js").read_text(encoding="utf-8")
SIMULCAST = [
    {"rid": "h", "scaleResolutionDownBy": 2, "maxBitrate": 150_000},
    {"rid": "f", "maxBitrate": 900_000},
]


class Member:
    """A page in a room."""

    def __init__(self, page: Page, user: str) -> None:
        self.page = page
        self.user = user

    async def run(self, script: str) -> Any:
        """Evaluate on the page; the member is `m`."""
        return await self.page.evaluate(
            f"async () => {{ const m = members['{self.user}']; {script} }}"
        )

    async def seen(self, type_: str) -> list[Any]:
        found: list[Any] = await self.run(f"return m.seen('{type_}')")
        return found

    async def videos(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.run("return await m.inbound('video')")
        return found


async def join(browser: Browser, node: MeshNode, user: str, **more: Any) -> Member:
    page = await browser.new_page()
    base = node.urls["local"].rstrip("/")
    await page.goto(f"{base}/healthz")
    await page.evaluate(f"() => {{ {DRAWING}; {SCRIPT} }}")
    sound = more.pop("sound", None)
    usual = {"url": base, "user": user, "room": "green", "pool": 2}
    shape = {"width": 320, "height": 180, "fps": 15}
    voice = "null" if sound is None else f"voice({sound})"
    await page.evaluate(
        f"o => member({{...o, sound: {voice}}})", {**usual, **shape, **more}
    )
    return Member(page, user)


async def sees(member: Member, pictures: int, more: int = 5) -> None:
    """Wait until so many pictures have advanced by `more` frames."""
    before = {v["mid"]: v["frames"] for v in await member.videos()}

    async def advanced() -> bool:
        now = await member.videos()
        moved = [v for v in now if v["frames"] - before.get(v["mid"], 0) >= more]
        return len(moved) >= pictures

    await eventually(advanced, 60, f"{member.user} sees {pictures}")


@pytest.mark.timeout(300)
async def test_six_pages_see_each_other_and_one_comes_and_goes(
    node: MeshNode, browser: Browser
) -> None:
    members = [await join(browser, node, f"m{n}") for n in range(5)]
    for member in members:
        await sees(member, 4)
    for turn in range(10):
        guest = await join(browser, node, f"guest{turn}")
        await sees(guest, 5, 2)
        await guest.run("m.send('leave'); m.pc.close()")
        await guest.page.close()
    for member in members:
        await sees(member, 4)
        assert await member.run("return m.errors") == []
        sections = await member.run("return m.pc.getTransceivers().length")
        assert sections <= 1 + 2 * 7, "sections are used again"
    room = node._parts.rooms.get("green")
    assert room is not None
    assert len(room) == 5


@pytest.mark.timeout(300)
async def test_layers_and_limits_change_what_is_received(
    node: MeshNode, browser: Browser
) -> None:
    ann = await join(
        browser, node, "ann", encodings=SIMULCAST, width=640, height=360, fps=15
    )
    ben = await join(browser, node, "ben")
    await sees(ben, 1)
    await eventually(lambda: ben.seen("layer-available"), 60, "told of the layers")
    told = (await ben.seen("layer-available"))[-1]
    assert told["layers"] == ["l", "h"]
    track = told["trackId"]

    async def wide(width: int) -> bool:
        return [v["width"] for v in await ben.videos()] == [width]

    for rid, width in (("l", 320), ("f", 640), ("low", 320), ("high", 640)):
        await ben.run(
            f"m.send('layer-switch', {{trackId: '{track}', targetRid: '{rid}'}})"
        )
        await eventually(lambda width=width: wide(width), 40, f"{width} wide")
    await ben.run("m.send('set-bandwidth-limit', {bandwidth: 250000})")
    await eventually(lambda: wide(320), 40, "within the limit")
    began = await ben.videos()
    at = time.monotonic()
    await sees(ben, 1, 45)
    took = time.monotonic() - at
    rate = 8 * ((await ben.videos())[0]["bytes"] - began[0]["bytes"]) / took
    assert rate < 275_000, f"{rate:.0f} bit/s"
    await ben.run("m.send('set-bandwidth-limit', {bandwidth: 0})")
    await eventually(lambda: wide(640), 40, "the chosen layer again")
    assert await ben.seen("error") == []
    assert await ann.run("return m.errors") == []


@pytest.mark.timeout(300)
async def test_who_speaks_is_told_and_a_noisy_microphone_is_not(
    node: MeshNode, browser: Browser
) -> None:
    noisy = await join(browser, node, "noisy", sound=0.25)
    ann = await join(browser, node, "ann", sound=0.0005)
    ben = await join(browser, node, "ben", sound=0.0005)
    for member in (noisy, ann, ben):
        await member.run("await m.audio.resume()")
        await sees(member, 2)
    peers = {m.user: await m.run("return m.peer") for m in (noisy, ann, ben)}
    taken = []
    for speaker, other in ((ann, ben), (ben, ann), (ann, ben)):
        await other.run("m.talk(false)")
        await speaker.run("m.talk(true)")
        began = time.monotonic()

        async def told(speaker: Member = speaker) -> bool:
            heard = await noisy.seen("dominant-speaker")
            return bool(heard) and heard[-1]["newPeerId"] == peers[speaker.user]

        await eventually(told, 30, f"{speaker.user} speaks")
        taken.append(time.monotonic() - began)
    print(f"named after {', '.join(f'{s:.2f}' for s in taken)} s")
    heard = await ben.seen("dominant-speaker")
    assert peers["noisy"] not in [event["newPeerId"] for event in heard]
