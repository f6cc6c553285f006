"""Chromium by its own protocol: several tabs of one window, only one of them visible.

Playwright cannot be used for this: it pretends to every page that it is focused and
visible, and starts the browser with the throttling of background tabs turned off.
Here a tab that is not in front is really hidden: its timers tick once a second and
its animation frames stand still, as on a person's desk.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--remote-debugging-port=0"),
    "--window-size=1200,1000",
)
START_DEADLINE_S = 60.0


class Tab:
    """One tab: evaluate, look, and what its page complained about."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, target: str) -> None:
        self.target = target
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and await its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message)
        while True:
            answer = await self._socket.receive_json(timeout=90)
            if answer.get("id") == number:
                assert "result" in answer, f"{method}: {answer.get('error')}"
                result: dict[str, Any] = answer["result"]
                return result
            self._heard(answer)

    def _heard(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {})
            self.complaints.append(thrown.get("description") or details["text"])
        elif event.get("method") == "Log.entryAdded":
            entry = params["entry"]
            # a refused request (401, 409) is logged by the browser, and meant here
            if entry["level"] == "error" and entry["source"] != "network":
                self.complaints.append(entry["text"])

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited, as if a person had just clicked."""
        answer = await self.command(
            "Runtime.evaluate",
            expression=f"(async () => ({expression}))()",
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str, deadline_s: float = 30.0) -> Any:
        """The expression's value once it is true; a failure at the deadline."""
        end = asyncio.get_running_loop().time() + deadline_s
        while asyncio.get_running_loop().time() < end:
            if value := await self.evaluate(expression):
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"not within {deadline_s} s: {expression}")

    async def screenshot(self) -> bytes:
        """A picture of the whole page, PNG."""
        shot = await self.command("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


class Window:
    """A browser window; each tab that is opened comes to the front."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self._http = http
        self._address = address
        self._stack = contextlib.AsyncExitStack()

    async def open(self, url: str) -> Tab:
        """A new tab in front of the others."""
        ask = URL(f"{self._address}/json/new?{quote(url, safe='')}", encoded=True)
        async with self._http.put(ask) as answer:
            made = await answer.json()
        socket = await self._stack.enter_async_context(
            self._http.ws_connect(made["webSocketDebuggerUrl"], max_msg_size=0)
        )
        tab = Tab(socket, made["id"])
        for domain in ("Runtime", "Log", "Page"):
            await tab.command(f"{domain}.enable")
        await self.front(tab)
        return tab

    async def front(self, tab: Tab) -> None:
        """Bring a tab to the front; all others are hidden."""
        async with self._http.get(f"{self._address}/json/activate/{tab.target}") as r:
            assert r.status == 200

    async def close(self) -> None:
        """Let go of the tabs' connections."""
        await self._stack.aclose()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := re.search(rb"listening on ws://([^/]+)/", line):
            return f"http://{found[1].decode()}"
    raise RuntimeError("Chromium ended before it listened")


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass


@contextlib.asynccontextmanager
async def window(program: str = "chromium") -> AsyncIterator[Window]:
    """A headless Chromium with its own window; gone with its profile at the end."""
    profile = tempfile.mkdtemp(prefix="meshnode-chromium-")
    process = await asyncio.create_subprocess_exec(
        *(program, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        address = await asyncio.wait_for(_address(process), START_DEADLINE_S)
        assert process.stderr is not None
        drain = asyncio.ensure_future(_drain(process.stderr))
        async with aiohttp.ClientSession() as http:
            made = Window(http, address)
            yield made
            await made.close()
        drain.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)
