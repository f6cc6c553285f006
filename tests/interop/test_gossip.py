"""Our router over our host, beside js-libp2p's gossipsub and py-libp2p's pubsub."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p.host import Libp2pHost
from meshproto.config.gossip import GossipConfig
from meshproto.wire import peer_id
from support.libp2p import eventually
from support.pump import Pump

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).parent / "clients"
INSTALLED = Path(os.environ.get("INTEROP_INSTALLED", ROOT / ".interop"))
JS = INSTALLED / "js-libp2p"
TOPIC = "/meshnode/1/directory"
READY_S = 40.0
STOP_S = 10.0
NO_MESH = {"D": 0, "Dlo": 0, "Dhi": 0, "Dscore": 0, "Dout": 0, "floodPublish": False}

no_js = shutil.which("node") is None or not (JS / "node_modules/libp2p").is_dir()
NO_JS = "js-libp2p is not installed: tests/interop/install.sh"
BOTH = [pytest.param("js", marks=pytest.mark.skipif(no_js, reason=NO_JS)), "py"]


class Foreign:
    """A peer of other software in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ready: asyncio.Future[dict[str, Any]] = (
            asyncio.get_running_loop().create_future()
        )
        self.heard: list[dict[str, Any]] = []
        self.name = ""
        self.address = ""
        self._reader = asyncio.create_task(self._read())

    async def ready(self) -> None:
        event = await asyncio.wait_for(self._ready, READY_S)
        self.name = event["node"]
        found = (a for a in event["addresses"] if a.startswith("/ip4/127.0.0.1/tcp"))
        self.address = next(found)
        assert self.name in self.address

    async def tell(self, verb: str, **what: Any) -> dict[str, Any]:
        """Have it do something; its answer."""
        number = next(self._numbers)
        future = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        assert self._process.stdin is not None
        line = json.dumps({"id": number, "verb": verb, **what})
        self._process.stdin.write(line.encode() + b"\n")
        answer: dict[str, Any] = await asyncio.wait_for(future, READY_S)
        assert "error" not in answer, answer
        return answer

    async def until(self, check: Callable[[dict[str, Any]], Any], what: str) -> None:
        """Wait until `check(state)` holds."""
        end = time.monotonic() + READY_S
        while not check(state := await self.tell("state", topic=TOPIC)):
            assert time.monotonic() < end, f"{what}: {state}"
            await asyncio.sleep(0.05)

    def texts(self) -> list[str]:
        return [message["data"] for message in self.heard]

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._reader.cancel()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            event = json.loads(line)
            if event["event"] == "ready":
                self._ready.set_result(event)
            elif event["event"] == "message":
                self.heard.append(event)
            else:
                self._answers.pop(event["id"]).set_result(event)
        if not self._ready.done():
            self._ready.set_exception(RuntimeError("the peer did not start"))


@asynccontextmanager
async def foreign(kind: str, **options: Any) -> AsyncIterator[Foreign]:
    """A js or py peer that listens."""
    command = {
        "js": ["node", str(JS / "gossip.mjs")],
        "py": [sys.executable, str(CLIENTS / "py_libp2p.py")],
    }[kind]
    if kind == "js":
        shutil.copy(CLIENTS / "js-libp2p/gossip.mjs", JS)
    process = await asyncio.create_subprocess_exec(
        *command,
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    peer = Foreign(process)
    try:
        await peer.ready()
        yield peer
    finally:
        await peer.stop()


@asynccontextmanager
async def ours(**options: Any) -> AsyncIterator[Pump]:
    """Our router over our host."""
    keys = KeyPair.generate()
    host = Libp2pHost(keys, ["127.0.0.1"], 0)
    await host.start()
    pump = Pump(host, keys, GossipConfig(**options))
    try:
        yield pump
    finally:
        pump.stop()
        await host.close()


def text(pump: Pump) -> str:
    """How others call our node."""
    return peer_id.to_text(pump.host.node)


async def meshed(pump: Pump, peer: Foreign) -> None:
    """Wait until each is in the other's mesh."""
    await eventually(lambda: len(pump.router.mesh(TOPIC)) == 1, "our mesh")
    await peer.until(lambda s: text(pump) in s["mesh"], "their mesh")


async def signed_both_ways(pump: Pump, peer: Foreign, number: int) -> None:
    """Messages of both sides, each with its true author."""
    for n in range(number):
        pump.publish(TOPIC, b"ours %d" % n)
        await peer.tell("publish", topic=TOPIC, data=f"theirs {n}")
    await eventually(lambda: len(pump.heard) == number, "we heard all")
    await eventually(lambda: len(peer.heard) == number, "they heard all")
    assert sorted(pump.texts()) == sorted(f"theirs {n}" for n in range(number))
    assert sorted(peer.texts()) == sorted(f"ours {n}" for n in range(number))
    authors = {peer_id.to_text(delivery.origin) for delivery in pump.heard}
    assert authors == {peer.name}
    assert {message["from"] for message in peer.heard} == {text(pump)}
    assert {message["type"] for message in peer.heard} == {"signed"}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("dialled_by", ["us", "them"])
async def test_a_mesh_forms_and_signed_messages_arrive_both_ways(
    kind: str, dialled_by: str
) -> None:
    async with ours() as pump, foreign(kind) as peer:
        pump.join(TOPIC)
        await peer.tell("subscribe", topic=TOPIC)
        if dialled_by == "us":
            node = await pump.host.connect([peer.address], None, 10)
            assert peer_id.to_text(node) == peer.name
        else:
            await peer.tell("dial", address=pump.host.addresses[0])
        await meshed(pump, peer)
        await signed_both_ways(pump, peer, 20)
        assert pump.host.stats()["gossip-dropped"] == 0
        refused = [e for e in pump.events if type(e).__name__ == "Refused"]
        assert refused == []


@pytest.mark.parametrize("kind", BOTH)
async def test_what_the_mesh_did_not_bring_is_recovered_by_ihave_and_iwant(
    kind: str,
) -> None:
    async with ours(flood_publish=False) as pump, foreign(kind, **NO_MESH) as peer:
        pump.join(TOPIC)
        await peer.tell("subscribe", topic=TOPIC)
        await pump.host.connect([peer.address], None, 10)
        await eventually(lambda: pump.router.subscribers(TOPIC), "they subscribed")
        await peer.until(lambda s: text(pump) in s["subscribers"], "we subscribed")
        # they prune whoever grafts them, so nothing is ever sent in full unasked
        await eventually(
            lambda: any(type(e).__name__ == "Pruned" for e in pump.events),
            "they left our mesh",
        )
        assert pump.router.mesh(TOPIC) == []
        await signed_both_ways(pump, peer, 5)
        assert pump.router.mesh(TOPIC) == []
        state = await peer.tell("state", topic=TOPIC)
        assert state["mesh"] == []


@pytest.mark.parametrize("kind", BOTH)
async def test_a_message_passes_through_us_between_two_of_theirs(kind: str) -> None:
    async with ours() as pump, foreign(kind) as one, foreign(kind) as other:
        pump.join(TOPIC)
        for peer in (one, other):
            await peer.tell("subscribe", topic=TOPIC)
            await peer.tell("dial", address=pump.host.addresses[0])
        await eventually(lambda: len(pump.router.mesh(TOPIC)) == 2, "our mesh")
        for peer in (one, other):
            await peer.until(lambda s: text(pump) in s["mesh"], "their mesh")
        await one.tell("publish", topic=TOPIC, data="across")
        await eventually(lambda: other.texts() == ["across"], "it came across")
        assert other.heard[0]["from"] == one.name
        assert pump.texts() == ["across"]


@pytest.mark.skipif(no_js, reason=NO_JS)
async def test_js_reaches_a_node_that_nobody_can_dial_through_one_of_ours() -> None:
    async with ours() as relay, ours() as target, foreign("js") as peer:
        await target.host.connect(relay.host.addresses, relay.host.node, 10)
        there = f"{relay.host.addresses[0]}/p2p-circuit/p2p/{text(target)}"
        await peer.tell("dial", address=there)
        await peer.until(lambda s: text(target) in s["peers"], "they are connected")
        names = [peer_id.to_text(node) for node in target.host.peers]
        assert names == [text(relay), peer.name]
        assert relay.host.stats()["circuits"] == 1


@pytest.mark.parametrize("kind", BOTH)
async def test_they_can_leave_and_come_back_and_ping_us(kind: str) -> None:
    async with ours() as pump:
        pump.join(TOPIC)
        for _ in range(2):
            async with foreign(kind) as peer:
                await peer.tell("subscribe", topic=TOPIC)
                await peer.tell("dial", address=pump.host.addresses[0])
                await meshed(pump, peer)
                answer = await peer.tell("ping", address=pump.host.addresses[0])
                assert answer["rtt"] >= 0
            await eventually(lambda: not pump.router.mesh(TOPIC), "they left")
            assert pump.host.peers == ()
