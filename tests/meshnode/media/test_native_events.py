"""The worker's events reach one handler, one after another, whatever it does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshnode.media.native import NativePlane
from meshnode.media.plane import PlaneEvent
from meshproto.ice.events import Probed
from support.media import until
from support.planes import make_plane


class Scene:
    """An open plane, a mirror that answers probes, and what was told."""

    def __init__(self) -> None:
        made = [make_plane("native") for _ in range(2)]
        self.plane, self.mirror = made
        self.events: list[PlaneEvent] = []
        self.complaints: list[str] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda _, context: self.complaints.append(context["message"])
        )
        await self.plane.open(["127.0.0.1"], 0)
        [self.address] = await self.mirror.open(["127.0.0.1"], 0)
        self.plane.on_event(self.events.append)

    def probed(self, token: int) -> bool:
        answered = [e for e in self.events if isinstance(e, Probed)]
        return any(e.token == token and e.rtt_s is not None for e in answered)

    @property
    def faults(self) -> int:
        drops: Any = self.plane.stats()["drops"]
        return drops.get("internal-error", 0)

    @property
    def links(self) -> Any:
        assert isinstance(self.plane, NativePlane)
        return self.plane._links


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    await made.open()
    yield made
    await made.plane.close()
    await made.mirror.close()


async def test_a_handler_is_not_called_from_within_itself(scene: Scene) -> None:
    depth, deepest = 0, 0

    def handler(event: PlaneEvent) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(depth, deepest)
        scene.events.append(event)
        if isinstance(event, Probed) and event.token < 5:
            scene.plane.probe(scene.address, event.token + 1)
            scene.plane._events.tell()  # type: ignore[attr-defined]
        depth -= 1

    scene.plane.on_event(handler)
    scene.plane.probe(scene.address, 1)
    await until(lambda: scene.probed(5))
    assert deepest == 1


async def test_a_handler_that_raises_is_told_of_and_called_again(
    scene: Scene,
) -> None:
    def faulty(event: PlaneEvent) -> None:
        scene.events.append(event)
        raise ZeroDivisionError

    scene.plane.on_event(faulty)
    scene.plane.probe(scene.address, 1)
    await until(lambda: scene.probed(1))
    scene.plane.probe(scene.address, 2)
    await until(lambda: scene.probed(2))
    assert len(scene.complaints) == 1
    assert scene.complaints[0].endswith("raised in the media plane")
    assert scene.faults >= 2


async def test_a_fault_in_the_agent_of_links_rests_and_is_not_for_ever(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = 0

    def broken(*_: object) -> None:
        nonlocal failed
        failed += 1
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(scene.links, "handle_timeout", broken)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            scene.plane.probe(silent.getsockname(), 7)
            await until(lambda: failed >= 3)
        assert scene.faults == failed
    await until(lambda: Probed(7, None) in scene.events)
    assert len(scene.complaints) == 1


async def test_a_datagram_that_the_agent_fails_at_costs_itself_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = scene.links.take

    def broken(*_: object) -> None:
        monkeypatch.setattr(scene.links, "take", take)
        raise ZeroDivisionError

    monkeypatch.setattr(scene.links, "take", broken)
    scene.plane.probe(scene.address, 1)
    await until(lambda: scene.faults == 1)
    assert not scene.probed(1)
    scene.plane.probe(scene.address, 2)
    await until(lambda: scene.probed(2))


async def test_nothing_is_told_after_the_end(scene: Scene) -> None:
    scene.plane.probe(scene.address, 1)
    await scene.plane.close()
    told = len(scene.events)
    scene.plane.probe(scene.address, 2)
    await asyncio.sleep(0)
    assert len(scene.events) == told
