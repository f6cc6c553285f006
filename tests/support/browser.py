"""A real Chromium that publishes and plays by bare WHIP and WHEP.

It uses none of our page's modules: what these tests find is then a fault of the node.
The picture is a canvas driven by a worker, so that it also runs in a hidden tab.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Client:
    """One page of one browser, publishing or playing."""

    page: Page

    async def publish(self, url: str, key: str = "", **options: Any) -> None:
        """Send a drawn picture and a tone by WHIP until the page closes."""
        shape = {"width": 640, "height": 480, "fps": 30, "codec": "vp8"} | options
        await self.page.evaluate("o => publish(o)", {"url": url, "key": key, **shape})

    async def play(self, url: str) -> int:
        """Watch by WHEP; the player's number on this page."""
        number: int = await self.page.evaluate("o => play(o)", {"url": url})
        return number

    async def play_from(self, other: Client) -> int:
        """Watch a publisher on another page without any node; the player's number."""
        source, offer = await other.page.evaluate("offerDirect()")
        number, answer = await self.page.evaluate("o => playDirect(o)", offer)
        take = f"a => direct[{source}].setRemoteDescription(a)"
        await other.page.evaluate(take, answer)
        return int(number)

    async def first_frame_ms(self, player: int = 0) -> float:
        """Milliseconds from the POST to the first frame on screen."""
        taken: float = await self.page.evaluate(f"players[{player}].firstFrame")
        return taken

    async def lags_ms(self, player: int, after_ms: float, count: int) -> list[float]:
        """How far behind its publisher's clock the player's picture is, several times
        in a row from `after_ms` after its POST on; needs a picture with a clock.
        """
        seen: list[float] = await self.page.evaluate(
            f"lags(players[{player}], {after_ms}, {count})"
        )
        return seen

    async def sound_ahead_ms(self, *players: int, count: int = 1) -> list[float] | None:
        """How far the sound that each player plays is ahead of its picture, by the
        browser's own estimates: the median of `count` samples, for all players at the
        same instants.  None before sender reports made them possible.
        """
        names = ", ".join(f"players[{player}]" for player in players)
        seen: list[list[float | None]] = await self.page.evaluate(
            f"ahead([{names}], {count})"
        )
        known = [[value for value in one if value is not None] for one in seen]
        return [median(one) for one in known] if all(known) else None

    async def leave(self, player: int) -> None:
        """End a player and its session."""
        await self.page.evaluate(f"leave(players[{player}])")

    async def sent(self) -> dict[str, Any]:
        """The publisher's statistics by type, kind and rid."""
        report: dict[str, Any] = await self.page.evaluate("report(publisher)")
        return report

    async def received(self, player: int = 0) -> dict[str, Any]:
        """A player's statistics by type and kind."""
        report: dict[str, Any] = await self.page.evaluate(f"report(players[{player}])")
        return report


@contextlib.asynccontextmanager
async def chromium(
    origin: str, executable: str | Path = CHROMIUM, *flags: str
) -> AsyncIterator[Browser]:
    """A headless browser to which `origin` counts as secure."""
    secure = f"--unsafely-treat-insecure-origin-as-secure={origin}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(executable), args=[*FLAGS, secure, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()


async def client(browser: Browser, origin: str) -> Client:
    """A fresh page on `origin` with the scripts above."""
    page = await browser.new_page()
    await page.goto(f"{origin}/healthz")
    await page.evaluate(f"() => {{ {SCRIPT} }}")
    return Client(page)
