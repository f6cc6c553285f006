from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.links import LinkNode, open_node
from support.media import until


@pytest.fixture
async def pair() -> AsyncIterator[tuple[LinkNode, LinkNode]]:
    others: dict = {}
    one, two = await open_node(1, others), await open_node(2, others)
    yield one, two
    await one.port.close()
    await two.port.close()


async def test_two_ports_make_a_link_and_exchange_frames(pair) -> None:
    one, two = pair
    link = await one.dial(two)
    await until(lambda: two.links)
    other, _ = two.links[0]
    got: list[bytes] = []
    back: list[bytes] = []
    other.on_frame(got.append)
    link.on_frame(back.append)
    frames = [b"%04d" % n + bytes(n % 1146) for n in range(1000)]
    for n, frame in enumerate(frames):
        assert link.send(frame)
        assert other.send(frame[::-1])
        if n % 50 == 49:
            await until(lambda: len(got) == len(back) == n + 1)  # noqa: B023
    assert got == frames
    assert back == [f[::-1] for f in frames]
