"""Firefox through WebDriver BiDi: start it, open a page, evaluate scripts.

Debian has no geckodriver, but the browser itself speaks BiDi: it prints the address of
a WebSocket, on which a session is made and commands are answered in any order.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

START_DEADLINE_S = 40.0
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.devices.insecure.enabled": True,
    "media.getusermedia.insecure.enabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class Page:
    """One browsing context."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.context = ""

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and await its answer; events in between are dropped."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async for message in self._socket:
            answer: dict[str, Any] = json.loads(message.data)
            if answer.get("id") == number:
                if answer["type"] != "success":
                    raise RuntimeError(f"{method}: {answer.get('message')}")
                result: dict[str, Any] = answer["result"]
                return result
        raise RuntimeError("Firefox is gone")

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited, by way of JSON."""
        script = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        answer = await self.command(
            "script.evaluate",
            expression=script,
            target={"context": self.context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] != "success":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def run(self, source: str) -> None:
        """Run a script for its effects."""
        await self.command(
            "script.evaluate",
            expression=f"{source}\n;undefined",
            target={"context": self.context},
            awaitPromise=False,
        )

    async def goto(self, url: str) -> None:
        """Open `url` and wait until it is loaded."""
        await self.command(
            "browsingContext.navigate", context=self.context, url=url, wait="complete"
        )


def _profile() -> Path:
    path = Path(tempfile.mkdtemp(prefix="meshnode-firefox-"))
    lines = [f'user_pref("{k}", {json.dumps(v)});' for k, v in PREFERENCES.items()]
    (path / "user.js").write_text("\n".join(lines))
    return path


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := re.search(rb"listening on (ws://\S+)", line):
            return found[1].decode()
    raise RuntimeError("Firefox ended before it listened")


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass


@contextlib.asynccontextmanager
async def firefox(program: str) -> AsyncIterator[Page]:
    """A headless Firefox with one page; gone with its profile at the end."""
    profile = _profile()
    process = await asyncio.create_subprocess_exec(
        *(program, "--headless", "--no-remote", "--profile", str(profile)),
        "--remote-debugging-port=0",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        address = await asyncio.wait_for(_address(process), START_DEADLINE_S)
        assert process.stderr is not None
        drain = asyncio.ensure_future(_drain(process.stderr))
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{address}/session", max_msg_size=0) as socket,
        ):
            page = Page(socket)
            await page.command("session.new", capabilities={})
            made = await page.command("browsingContext.create", type="tab")
            page.context = made["context"]
            yield page
        drain.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
        shutil.rmtree(profile, ignore_errors=True)
