"""Everybody connects and sees pictures while a stranger shouts at the media port.

Several stacks lose every connection to one bogus ClientHello or alert at the wrong
moment.  Here each kind of datagram comes every two milliseconds, alone and then all of
them together, while fifty connections of Chromium and fifty of aiortc are made: 25
pairs of a publisher and the viewer that decodes its pictures, which proves both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import Client, chromium, client
from support.lab.namespaces import require_root
from support.lab.switch import Switched
from support.node import KEY, RunningNode, running_node
from support.shared import ROOT

HERE = Path(__file__).parent
PORT = 15000
PAIRS = 25
AT_ONCE = 5
FRAMES = 3
KINDS = ("hello", "alert", "rtp", "check", "replay")
ATTACKS = {"nobody": (), **{kind: (kind,) for kind in KINDS}, "together": KINDS}
COUNTED = {
    "hello": "unvalidated-dtls",
    "alert": "unvalidated-dtls",
    "rtp": "unvalidated-rtp",
    "check": "ice-integrity",
    "replay": "ice-replayed",
}
"""Under which reason the node must have counted what came."""
HIT_MIN = 0.1
"""At least this share; checks of clients that have left count as ice-ufrag."""
EVERY_MS_MAX = 2.5

Pairs = list[dict[str, Any]]


@contextlib.contextmanager
def shouting(lab: Switched, kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The attacker beside everybody else; its report is there at the end."""
    shared = f"127.0.0.1,{lab.address('host')}"
    command = [sys.executable, str(HERE / "attacker.py"), shared, str(PORT), *kinds]
    process = subprocess.Popen(
        lab.run("host", *command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    report: dict[str, Any] = {}
    try:
        assert process.stdout.readline().strip() == "shouting"
        yield report
        process.stdin.close()
        report |= json.loads(process.stdout.read())
    finally:
        process.kill()
        process.wait()


async def chromium_pairs(page: Client, node: RunningNode, name: str) -> Pairs:
    """All pairs in one page, a few at once."""
    told: Pairs = []
    for first in range(0, PAIRS, AT_ONCE):
        pairs = [
            {"whip": node.whip(stream), "whep": node.whep(stream), "key": KEY}
            for stream in (f"{name}-{first + n}" for n in range(AT_ONCE))
        ]
        told += await page.page.evaluate(
            "pairs => Promise.all(pairs.map(pair))",
            [{**each, "frames": FRAMES} for each in pairs],
        )
    return told


async def aiortc_pairs(lab: Switched, node: RunningNode) -> Pairs:
    """The same in a process of its own."""
    script = str(HERE / "aiortc_pairs.py")
    numbers = map(str, (PAIRS, AT_ONCE, FRAMES))
    process = await asyncio.create_subprocess_exec(
        *lab.run("host", sys.executable, script, node.url, *numbers),
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "MESHNODE_PUBLISH_KEY": KEY,
            "PYTHONPATH": str(ROOT / "tests"),
        },
    )
    output, _ = await process.communicate()
    return [json.loads(line) for line in output.splitlines()]


def verdict(pairs: Pairs) -> tuple[int, list[str]]:
    """How many connections completed and carried media, and what went wrong."""
    good = sum(pair["frames"] >= FRAMES for pair in pairs)
    return 2 * good, [pair["error"] for pair in pairs if pair["error"]]


def drops(node: RunningNode) -> dict[str, int]:
    """What the node refused so far, by reason."""
    counted: dict[str, int] = node.status()["counters"]["media_drops"]
    return counted


@contextlib.asynccontextmanager
async def scene() -> AsyncIterator[tuple[Switched, RunningNode, Client]]:
    """A node and a browser on one host."""
    with Switched(["host"]) as lab:
        limits = ["sessions_per_address=4096", "requests_per_minute=100000"]
        flags = [word for limit in limits for word in ("--limit", limit)]
        beside = lab.run("host")
        with running_node(*flags, port=PORT, beside=beside) as node:
            program = lab.wrapper("host", "/usr/bin/chromium")
            async with chromium(node.url, program) as browser:
                page = await client(browser, node.url)
                script = (HERE / "pairs.js").read_text(encoding="utf-8")
                await page.page.evaluate(f"() => {{ {script} }}")
                yield lab, node, page


@pytest.mark.timeout(400)
async def test_fifty_of_fifty_connect_whatever_a_stranger_sends() -> None:
    require_root()
    async with scene() as (lab, node, page):
        for name, kinds in ATTACKS.items():
            before = drops(node)
            with shouting(lab, kinds) as report:
                browsers = verdict(await chromium_pairs(page, node, name))
                libraries = verdict(await aiortc_pairs(lab, node))
            after = drops(node)
            grown = {k: v - before.get(k, 0) for k, v in after.items()}
            refused = {k: v for k, v in grown.items() if v}
            print(
                f"{name}: Chromium {browsers[0]}, aiortc {libraries[0]} of 50;", end=""
            )
            print(f" {report}, refused {refused}", flush=True)
            assert browsers == (50, [])
            assert libraries == (50, [])
            assert report["every_ms"] < EVERY_MS_MAX
            for kind in kinds:
                assert refused[COUNTED[kind]] > HIT_MIN * report["sent"][kind]
