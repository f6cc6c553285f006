"""Streams over a Yamux stream whose connection is a list of frames, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from meshnode.control.libp2p.streams import Stream, StreamError


class Connection:
    """As much of a connection as a stream needs."""

    def __init__(self) -> None:
        self.stream_buffers = {1: bytearray()}
        self.stream_events: dict[int, trio.Event] = {}
        self.frames: list[bytes] = []

    async def _write_frame(self, frame: bytes) -> None:
        self.frames.append(frame)
        await trio.lowlevel.checkpoint()

    async def _finalize_stream(self, stream: Any, *, fully_closed: bool) -> None:
        return None

    @property
    def sent(self) -> bytes:
        return b"".join(frame[12:] for frame in self.frames)


def make(stall_s: float = 20) -> tuple[Stream, Any, Connection]:
    from libp2p.stream_muxer.yamux.yamux import YamuxStream

    connection = Connection()
    muxed: Any = YamuxStream(1, connection, True)
    return Stream(muxed, stall_s=stall_s), muxed, connection


def run(job: Any) -> Any:
    """In time that jumps to whatever is next."""
    return trio.run(job, clock=trio.testing.MockClock(autojump_threshold=0))


async def _opens_after(muxed: Any, wait_s: float, window: int) -> None:
    await trio.sleep(wait_s)
    muxed.send_window = window


def test_a_write_waits_longer_than_py_libp2p_for_a_reader_that_is_slow() -> None:
    async def write(bare: bool) -> bytes:
        stream, muxed, connection = make()
        muxed.send_window = 4
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_opens_after, muxed, 15, 100)
            await (muxed if bare else stream).write(b"all of it")
        return connection.sent

    async def bare() -> bytes:
        return await write(True)

    async def ours() -> bytes:
        return await write(False)

    with pytest.raises(BaseExceptionGroup) as caught:
        run(bare)
    assert caught.group_contains(Exception, match="after 5 seconds")
    assert run(ours) == b"all of it"


def test_a_write_that_nobody_takes_is_given_up() -> None:
    async def job() -> float:
        stream, muxed, _ = make(stall_s=20)
        muxed.send_window = 0
        with pytest.raises(StreamError, match="stalled"):
            await stream.write(b"never")
        return trio.current_time()

    assert run(job) >= 20


def test_a_write_to_a_stream_that_was_closed_meanwhile_fails() -> None:
    async def job() -> None:
        stream, muxed, _ = make()
        muxed.send_window = 0

        async def close() -> None:
            await trio.sleep(1)
            muxed.closed = True

        async with trio.open_nursery() as nursery:
            nursery.start_soon(close)
            with pytest.raises(StreamError, match="closed"):
                await stream.write(b"late")

    run(job)


def test_a_reset_is_said_once_and_not_at_all_when_both_sides_ended() -> None:
    async def job() -> None:
        stream, _, connection = make()
        await stream.reset()
        await stream.reset()
        assert len(connection.frames) == 1
        stream, muxed, connection = make()
        await stream.finish()
        muxed.recv_closed = True
        assert await stream.read_some() == b""
        await stream.reset()
        assert len(connection.frames) == 1

    run(job)


def test_what_was_read_beyond_what_was_asked_for_is_kept() -> None:
    async def job() -> None:
        stream, _, _ = make()
        stream._buffer += b"abcdef"
        assert await stream.read_byte() == ord("a")
        assert await stream.read_exactly(2) == b"bc"
        assert await stream.read_some() == b"def"

    run(job)
