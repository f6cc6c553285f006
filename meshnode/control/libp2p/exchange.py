"""One request, one answer on a stream of its own (RFC 0013 section 4).

Four octets of length, big-endian, and at most 4 KiB, each way.  Whoever has no answer
resets the stream.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from meshnode.control.libp2p.connection import Connection
from meshnode.control.libp2p.streams import Stream, StreamError
from meshnode.control.libp2p.values import (
    EXCHANGE_OCTETS_MAX,
    LINK_PROTOCOL,
    DialError,
    HostLimits,
)
from meshproto.ids import NodeId

Reply = Callable[[bytes | None], None]
Ask = Callable[[NodeId, bytes, Reply], None]
"""Ask the owner; `Reply` is called in trio."""
Count = Callable[[str, int], None]
_LENGTH = 4


def packed(payload: bytes) -> bytes:
    """A payload as it goes over the stream."""
    return len(payload).to_bytes(_LENGTH, "big") + payload


async def request(connection: Connection, payload: bytes) -> bytes:
    """The peer's answer.  Raises `DialError`; the caller bounds the time."""
    stream, _ = await connection.open([LINK_PROTOCOL])
    try:
        await stream.write(packed(payload))
        await stream.finish()
        return await _read(stream)
    except StreamError as error:
        raise DialError("exchange-refused", str(error)) from error
    finally:
        await stream.reset()


class Exchanges:
    """Answers the requests of peers by what the owner says."""

    def __init__(
        self, ask: Ask, limits: HostLimits, count: Count, refuse: Callable[..., None]
    ) -> None:
        self._ask = ask
        self._limits = limits
        self._count = count
        self._refuse = refuse
        self._open = 0

    async def serve(self, connection: Connection, stream: Stream, _: str) -> None:
        """Answer one request; leaving without an answer resets the stream."""
        if self._open >= self._limits.exchanges:
            self._refuse(connection.node, "exchange-refused")
            return
        self._open += 1
        try:
            with trio.move_on_after(self._limits.answer_s):
                await self._answer(connection, stream)
        finally:
            self._open -= 1

    async def _answer(self, connection: Connection, stream: Stream) -> None:
        try:
            payload = await _read(stream)
        except DialError as error:
            self._refuse(connection.node, error.reason)
            return
        self._count("exchanges-in", 1)
        answer = await self._asked(connection.node, payload)
        if answer is None:
            return
        await stream.write(packed(answer))
        await stream.finish()
        # why wait: a reset would overtake what was written
        await stream.read_some()

    async def _asked(self, node: NodeId, payload: bytes) -> bytes | None:
        answered = trio.Event()
        answers: list[bytes | None] = []

        def reply(answer: bytes | None) -> None:
            answers.append(answer)
            answered.set()

        self._ask(node, payload, reply)
        await answered.wait()
        answer = answers[0]
        return answer if answer is None or len(answer) <= EXCHANGE_OCTETS_MAX else None


async def _read(stream: Stream) -> bytes:
    size = int.from_bytes(await stream.read_exactly(_LENGTH), "big")
    if size > EXCHANGE_OCTETS_MAX:
        raise DialError("exchange-size")
    return await stream.read_exactly(size)
