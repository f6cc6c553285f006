"""People at the room page: Chromium with invented cameras and microphones.

A page is driven as a person does it, by what can be seen and pressed; what it decodes
is read from the browser's own statistics.
"""

from __future__ import annotations

import asyncio
import contextlib
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Browser, Page

from support.browser import CHROMIUM, chromium
from support.node import eventually

DEVICES = "--use-fake-device-for-media-stream=device-count=4,fps=15"
GRANTED = "--use-fake-ui-for-media-stream"
RATE_HZ = 48_000
BEEP_S = 1.2
"""Longer than invented microphones are silent between two beeps."""
SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def people(base: str, *flags: str) -> AsyncIterator[Browser]:
    """A browser in which pages may use invented devices."""
    async with chromium(base, CHROMIUM, DEVICES, *flags) as browser:
        yield browser


def speech(path: Path, seconds: int = 6) -> str:
    """A file of noise that comes and goes as words do, as a flag for the browser."""
    noise = np.random.default_rng(4).normal(0, 4_000, RATE_HZ * seconds)
    at_s = np.arange(len(noise)) / RATE_HZ
    words = np.where(at_s % 0.6 < 0.4, noise, noise / 1_000)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(words.astype("<i2").tobytes())
    return f"--use-file-for-fake-audio-capture={path}"


class Person:
    """Somebody in front of a page."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if message.type == "error" and "net::" not in message.text:
            self.complaints.append(message.text)

    async def run(self, expression: str) -> Any:
        """The value of an expression on the page."""
        return await self.page.evaluate(f"async () => ({expression})")

    async def until(self, expression: str, deadline_s: float = 40.0) -> None:
        """Wait until it is true on the page."""
        await eventually(lambda: self.run(expression), deadline_s, expression)

    async def press(self, what: str) -> None:
        """Press the button of the bar that does this."""
        await self.page.click(f"mesh-room [data-does={what}]")

    async def notice(self) -> str:
        """The sentence above the pictures, or in the lobby."""
        said: str = await self.run("said()")
        return said

    async def tiles(self) -> dict[str, dict[str, Any]]:
        """What the tiles show, by whose they are."""
        found = await self.run("tiles()")
        return {one["label"].split(",")[0]: one for one in found}

    async def sees(self, *names: str, more: int = 10) -> None:
        """Wait until pictures of these advanced by so many frames, and no others."""
        before = await self.tiles()

        async def advanced() -> bool:
            now = await self.tiles()
            others = {n for n, tile in now.items() if tile["seen"] and "(you)" not in n}
            return others == set(names) and all(
                now[n]["frames"] - before.get(n, {"frames": 0})["frames"] >= more
                for n in names
            )

        await eventually(advanced, 60, f"{self.name} sees {names}")

    async def hears(self, voices: int) -> None:
        """Wait until so many sounds bring energy."""

        async def louder() -> bool:
            before = {v["mid"]: v["energy"] for v in await self.run("inbound('audio')")}
            await asyncio.sleep(BEEP_S)  # the measurement itself
            now = await self.run("inbound('audio')")
            moved = [v for v in now if v["energy"] - before.get(v["mid"], 0) > 1e-5]
            return len(moved) == voices

        await eventually(louder, 60, f"{self.name} hears {voices}")


async def visit(
    browser: Browser, base: str, name: str, size: tuple[int, int] = (900, 700)
) -> Person:
    """Somebody who stands before the room `green` of a node."""
    person = await visit_page(browser, f"{base}/room/green", name, size)
    await person.page.fill("mesh-room .lobby input", name)
    return person


async def visit_page(
    browser: Browser, url: str, name: str, size: tuple[int, int] = (900, 700)
) -> Person:
    """Somebody who stands before any page with the element in it."""
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    await page.add_init_script(SCRIPT)
    await page.goto(url)
    return Person(page, name)


async def enter(
    browser: Browser, base: str, name: str, size: tuple[int, int] = (900, 700)
) -> Person:
    """Somebody who is in the room."""
    person = await visit(browser, base, name, size)
    await person.page.click("mesh-room .lobby button.main")
    await person.until("element().getAttribute('state') === 'live'")
    return person
