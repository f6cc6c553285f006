"""Members of a room that are pages of one browser, and what they see of each other."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from playwright.async_api import Browser, Page

from support import dialects
from support.browser import SCRIPT as DRAWING
from support.node import eventually

SCRIPTS = (
    DRAWING,
    (Path(dialects.__file__).parent / "sfu_go.js").read_text(encoding="utf-8"),
    Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)
SHAPE = {
    "width": 320,
    "height": 180,
    "fps": 15,
    "room": "green",
    "hidden": True,
    "encodings": [{"maxBitrate": 150_000}],
}
"""What a page sends; what it gets it decodes without drawing it, which costs more."""
FLAGS = (
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    f"--renderer-process-limit={os.environ.get('MESHNODE_ROOM_PROCESSES', '8')}",
)
JOINED = """user => {
  const m = window.members[user], [error] = m?.seen('error') ?? [];
  return m?.peer || error?.message || '';
}"""
"""The peer id of who joined, else what was complained about."""
TAKEN = "is in this room"
ONCE_MORE = "o => { window.members[o.user].ws.close(); return member(o); }"
"""Why it is closed first: Chromium has 255 of them at a time, for all pages."""
Seen = dict[str, dict[str, float]]


class PageMember:
    """A page; it may join and leave again and again."""

    def __init__(self, page: Page, user: str, pool: int) -> None:
        self.page = page
        self.user = user
        self.peer = ""
        self._shape = {**SHAPE, "pool": pool}

    @classmethod
    async def open(cls, browser: Browser, url: str, user: str, pool: int) -> PageMember:
        """Open a page of that node and join from it."""
        page = await browser.new_page()
        await page.goto(f"{url}/healthz")
        for script in SCRIPTS:
            await page.evaluate(f"() => {{ {script} }}")
        made = cls(page, user, pool)
        await made.join(url)
        return made

    async def join(self, url: str) -> None:
        """Join the room at a node."""
        given = {**self._shape, "url": url, "user": self.user}

        async def joined() -> str:
            answer: str = await self.page.evaluate(JOINED, self.user)
            # why again: this node may not have heard yet that it left another one
            if TAKEN in answer:
                await self.page.evaluate(ONCE_MORE, given)
                return ""
            return answer

        await self.page.evaluate("o => member(o)", given)
        self.peer = await eventually(joined, 30, f"{self.user} joins")

    async def leave(self) -> None:
        """Leave the room; the page stays open."""
        await self.page.evaluate(f"leaves('{self.user}')")

    async def goes_on_at(self, url: str) -> None:
        """Have it join there when its socket closes."""
        await self.page.evaluate(
            "([u, url, o]) => goesOnAt(u, url, o)", [self.user, url, self._shape]
        )

    async def seen(self) -> Seen:
        """Frames and freezes of every picture, by peer."""
        found: Seen = await self.page.evaluate(f"seen('{self.user}')")
        return found

    async def errors(self) -> list[str]:
        """What its scripts complained about."""
        found: list[str] = await self.page.evaluate(f"members['{self.user}'].errors")
        return found


async def look(members: Iterable[PageMember]) -> dict[str, Seen]:
    """What everybody sees, by user."""
    members = tuple(members)
    seen = await asyncio.gather(*(member.seen() for member in members))
    return {m.user: found for m, found in zip(members, seen, strict=True)}


async def all_see(
    members: Sequence[PageMember],
    peers: Iterable[str],
    deadline_s: float,
    more: int = 3,
) -> float:
    """Wait until each member has decoded `more` new frames of each of the peers but
    itself; how long that took in seconds.
    """
    began = time.monotonic()
    wanted = {(m.user, peer) for peer in peers for m in members if m.peer != peer}
    first = await look(members)
    lacking = set(wanted)

    async def done() -> bool:
        now = await look([m for m in members if any(u == m.user for u, _ in lacking)])
        for user, peer in tuple(lacking):
            frames = now[user].get(peer, {}).get("frames", 0)
            old = first[user].get(peer, {})
            same = now[user].get(peer, {}).get("ssrc") == old.get("ssrc")
            if frames - (old.get("frames", 0) if same else 0) >= more:
                lacking.discard((user, peer))
        return not lacking

    try:
        await eventually(done, deadline_s, "everybody sees everybody")
    except AssertionError:
        raise AssertionError(f"not within {deadline_s} s: {sorted(lacking)}") from None
    return time.monotonic() - began
