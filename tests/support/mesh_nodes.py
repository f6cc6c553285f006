"""Whole nodes of one process with real links between them, and numbered packets."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from meshnode import LocalTrack, MeshNode, Settings
from meshnode.node.local import LocalPublisher
from meshnode.signalling.problems import Refused
from meshproto.wire.parameters import Codec, MediaKind
from support.control_world import until
from support.node import eventually
from support.planes import PLANE
from support.ports import free_port

OPUS = LocalTrack(MediaKind.AUDIO, Codec(111, "opus", 48000, 2))
FRAME_S = 0.02
Start = Callable[..., Awaitable[MeshNode]]


@contextlib.asynccontextmanager
async def mesh_nodes() -> AsyncIterator[Start]:
    """`start(*others, **settings)`: one more node, that joins by those given."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(*others: MeshNode, **more: Any) -> MeshNode:
            lines = tuple(mesh(other).bootstrap[0] for other in others)
            usual = {
                "port": 0,
                "http": "127.0.0.1:0",
                "admin": "127.0.0.1:0",
                "hosts": ("127.0.0.1",),
                "mesh": True,
                "bootstrap": lines,
            }
            settings = Settings(**{**usual, **more})
            return await stack.enter_async_context(MeshNode(settings))

        yield begin


def with_door() -> dict[str, str]:
    """Settings of a node that others may send viewers to."""
    at = f"127.0.0.1:{free_port()}"
    return {"http": at, "public_url": f"http://{at}"}


async def bring(node: MeshNode, name: str = "cam") -> None:
    """Have a stream come to a node, however busy this machine is: a node gives up in
    three seconds, as people do.
    """

    async def comes() -> bool:
        try:
            await node.bring(name)
        except Refused:
            return False
        return True

    await eventually(comes, 40, f"{name} comes")


def mesh(node: MeshNode) -> Any:
    found = node.status().mesh
    assert found is not None
    return found


def ready(node: MeshNode) -> int:
    return sum(peer.ready for peer in mesh(node).peers)


def knows(node: MeshNode, name: str) -> bool:
    return any(stream.name == name for stream in mesh(node).streams)


def apart(a: MeshNode, b: MeshNode) -> None:
    """From now on the two refuse each other's links."""
    for here, there in ((a, b), (b, a)):
        control, other = here._control, there._control
        assert control is not None
        assert other is not None
        accepts = control._brain.accepts

        def refuse(peer: Any, *rest: Any, _o: Any = other.node, _a: Any = accepts):
            return "apart" if peer.node == _o else _a(peer, *rest)

        control._brain.accepts = refuse  # type: ignore[method-assign]


async def chain(start: Start, *planes: str) -> tuple[MeshNode, MeshNode, MeshNode]:
    """Three nodes in a row, of these planes: the last has no link to the first."""
    one, two, three = planes or (PLANE,) * 3
    first = await start(plane=one)
    middle = await start(first, plane=two)
    await until(lambda: ready(middle) == 1, "a link")
    last = await start(middle, plane=three)
    apart(first, last)
    await until(lambda: ready(last) >= 1, "a link")
    return first, middle, last


class Source:
    """Sends `count` packets of `size` octets each frame time."""

    def __init__(self, publisher: LocalPublisher) -> None:
        self.publisher = publisher
        self.count, self.size = 1, 100
        self._number = 0

    async def run(self) -> None:
        while not self.publisher.closed:
            packets = []
            for _ in range(self.count):
                number = self._number
                stamp = number * 960 & 0xFFFFFFFF
                head = struct.pack("!BBHII", 0x80, 111, number & 0xFFFF, stamp, 7)
                packets.append(head + bytes(self.size))
                self._number += 1
            self.publisher.send_rtp(0, *packets)
            await asyncio.sleep(FRAME_S)


@contextlib.asynccontextmanager
async def source(node: MeshNode, name: str = "cam") -> AsyncIterator[Source]:
    found = Source(node.publish(name, [OPUS], owner="key"))
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        found.publisher.close()
