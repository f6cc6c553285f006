"""Whoever looks at a trace waits for the names above, and not for ever."""

from __future__ import annotations

import asyncio

import pytest

from meshnode.control import naming
from meshnode.control.naming import READERS_MAX, Naming
from meshproto.distribution.events import PathNamed, StreamEnded
from meshproto.ids import StreamId

STREAM, OTHER = StreamId(bytes(16)), StreamId(b"1" * 16)


def nothing_known() -> bool:
    return False


async def test_what_is_known_is_not_asked_for() -> None:
    asked: list[StreamId] = []
    await Naming(asked.append).learn(STREAM, lambda: True)
    assert asked == []


async def test_a_reader_waits_until_the_names_of_its_stream_come() -> None:
    asked: list[StreamId] = []
    names = Naming(asked.append)
    reader = asyncio.create_task(names.learn(STREAM, nothing_known))
    await asyncio.sleep(0)
    assert asked == [STREAM]
    for other in (PathNamed(OTHER), StreamEnded(STREAM)):
        names.happened(other)
        await asyncio.sleep(0)
        assert not reader.done()
    names.happened(PathNamed(STREAM))
    await reader


async def test_who_answers_at_once_keeps_nobody_waiting() -> None:
    known: list[StreamId] = []
    await Naming(known.append).learn(STREAM, lambda: bool(known))
    assert known == [STREAM]


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "NAMES_S", 0.01)
    names = Naming(lambda stream: None)
    await names.learn(STREAM, nothing_known)
    assert not names._readers


async def test_readers_are_bounded_and_those_above_see_what_there_is() -> None:
    asked: list[StreamId] = []
    names = Naming(asked.append)
    first = [
        asyncio.create_task(names.learn(STREAM, nothing_known))
        for _ in range(READERS_MAX)
    ]
    await asyncio.sleep(0)
    await names.learn(STREAM, nothing_known)
    assert len(asked) == READERS_MAX
    names.happened(PathNamed(STREAM))
    await asyncio.gather(*first)
