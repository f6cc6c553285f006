"""What is the native plane's own; what all planes do is tested beside the reference."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from meshnode.media import native
from meshnode.media.plane import PlaneFault
from meshnode.media.port import MediaPort
from meshproto.errors import StateError
from support.light_client import LightClient, join
from support.media import consume, new_port, produce, rtp, stream, until
from support.planes import make_plane


@pytest.fixture
async def port() -> AsyncIterator[MediaPort]:
    made = new_port(make_plane("native"))
    await made.open(["127.0.0.1"], 0)
    yield made
    await made.close()


async def test_a_worker_that_panics_goes_on_and_is_reported_once(port) -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(str(context)))
    first, publisher = await join(port)
    second, viewer = await join(port)
    consume(port, produce(port, first), second)
    await stream(publisher, [viewer], 5)
    for _ in range(3):
        port.plane._engine.panic()
    (packets,) = await stream(publisher, [viewer], 5, start=5)
    assert len(packets) == 5
    await until(lambda: port.plane.stats()["drops"].get("internal-error", 0) >= 3)
    assert len(told) == 1
    assert "asked to at src/engine/faults.rs" in told[0]
    publisher.close()
    viewer.close()


COSTS = {
    "order": (False, False),
    "flush": (False, False),
    "due": (False, False),
    "leaving": (False, False),
    "sealed": (False, True),
    "opened": (True, True),
}
"""Whether two viewers miss anything after a fault, who misses nothing first."""

PACKETS, TRIES = 150, 3
"""A busy machine may keep anybody waiting for so long: not in each try."""


@pytest.mark.parametrize("place", COSTS)
async def test_after_a_fault_media_goes_on_within_200_ms(port, place: str) -> None:
    """Every 5 ms a packet; a third on its way the packet path panics."""
    faults: list[object] = []
    port.on_event(faults.append)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    first, publisher = await join(port)
    producer = produce(port, first)
    viewers = []
    for _ in range(2):
        transport, viewer = await join(port)
        consume(port, producer, transport)
        viewers.append(viewer)
    await stream(publisher, viewers, 5)
    for start in range(5, 5 + TRIES * PACKETS, PACKETS):
        got = await interrupted(port, place, publisher, viewers, start)
        assert tuple(sorted(len(heard) < PACKETS for heard in got)) == COSTS[place]
        numbers = [[int(packet[19:]) for _, packet in heard] for heard in got]
        assert all(each == sorted(set(each)) for each in numbers)
        gap_s = max(
            later[0] - sooner[0]
            for heard in got
            for sooner, later in itertools.pairwise(heard)
        )
        if gap_s < 0.2:
            break
    assert gap_s < 0.2
    assert PlaneFault("the packet path was started again") in faults
    for client in (publisher, *viewers):
        client.close()


async def interrupted(
    port: MediaPort,
    place: str,
    publisher: LightClient,
    viewers: list[LightClient],
    start: int,
) -> list[list[tuple[float, bytes]]]:
    """What each viewer got of `PACKETS` numbered ones, and when."""
    got: list[list[tuple[float, bytes]]] = [[] for _ in viewers]
    for viewer, heard in zip(viewers, got, strict=True):
        viewer.on_rtp = partial(note, heard)
    plane: Any = port.plane
    begin = time.monotonic()
    for number in range(start, start + PACKETS):
        await asyncio.sleep(begin + (number - start) * 0.005 - time.monotonic())
        if number == start + PACKETS // 3:
            plane._engine.panic(place)
        publisher.send_rtp(rtp(number, b"packet %d" % number))
    last = b" %d" % (start + PACKETS - 1)
    await until(lambda: all(heard and heard[-1][1].endswith(last) for heard in got))
    return got


def note(heard: list[tuple[float, bytes]], packet: bytes) -> None:
    heard.append((time.monotonic(), packet))


async def test_a_taken_port_is_an_error_of_the_system() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        plane = make_plane("native")
        with pytest.raises(OSError, match="in use"):
            await plane.open(["127.0.0.1"], other.getsockname()[1])
        await plane.open(["127.0.0.1"], 0)
        await plane.close()


def test_an_extension_of_other_sources_is_no_plane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if native.missing():
        pytest.skip(native.missing())
    monkeypatch.setattr(native, "INTERFACE", -1)
    assert "other sources" in native.missing()
    with pytest.raises(StateError, match="other sources"):
        native.NativePlane()
    monkeypatch.setattr(native, "_native", None)
    assert native.missing() == "the native plane is not built here"
