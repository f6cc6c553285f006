"""A web site of somebody else, for elements of ours that are pasted into its page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def another_site(body: str) -> AsyncIterator[str]:
    """Serve a page with that body while the context lasts; its address."""
    text = f"<!doctype html><title>elsewhere</title><link rel=icon href=data:,>{body}"

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
