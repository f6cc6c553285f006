"""One question to the router by UDP, repeated until it answers or time is up.

The socket is connected, so the kernel hands over nothing but what comes from the
router's address and port.  An answer is whatever `understand` makes a value of; all
else (late answers to another question, nonsense) is passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from meshproto.errors import DecodeError

REPEATS_S = (0.25, 0.5, 1.0)
"""Waits after each sending: RFC 6886 section 3.1, cut where a router that is there has
answered; the three ways together must not keep a person waiting."""

WAITING_MAX = 16
"""Datagrams that may wait to be looked at; the router sends one per question."""

Understood = TypeVar("Understood")


class _Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        if self.queue.qsize() < WAITING_MAX:
            self.queue.put_nowait(data)

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002
        """The port is closed there: nobody will ever answer."""
        self.queue.put_nowait(None)


async def ask(
    router: tuple[str, int],
    question: bytes,
    understand: Callable[[bytes], Understood | None],
) -> Understood | None:
    """The first answer that `understand` takes; None where there is none.

    `understand` raises `DecodeError` or returns None for what is no answer to this.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, answers = await loop.create_datagram_endpoint(
            _Answers, remote_addr=router
        )
    except OSError:
        return None
    try:
        for wait_s in REPEATS_S:
            transport.sendto(question)
            try:
                async with asyncio.timeout(wait_s):
                    return await _first(answers.queue, understand)
            except TimeoutError:
                continue
        return None
    finally:
        transport.close()


async def _first(
    queue: asyncio.Queue[bytes | None],
    understand: Callable[[bytes], Understood | None],
) -> Understood | None:
    while (datagram := await queue.get()) is not None:
        try:
            understood = understand(datagram)
        except DecodeError:
            continue
        if understood is not None:
            return understood
    return None
