"""Carries descriptors to a node and brings its answer (RFC 0005 sections 5.3, 5.4).

There are two ways.  Through a common neighbour it takes one round trip over links that
stand already; over libp2p it takes a TCP connection and Noise first.  The courier takes
the first where the brain named a neighbour, and the second where there is none or the
neighbour could not help.  Answers that come through neighbours are matched by who
sent them, and there is one question under way to each node at most.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from meshnode.control import envelope
from meshnode.control.envelope import Kind
from meshnode.control.seam import Host
from meshproto.errors import DecodeError, MeshError
from meshproto.ids import NodeId

INTRODUCTION_S = 1.5
"""One round trip through a neighbour; after it the slow way is no slower."""

LATE_S = 1.5
"""And this long its answer is waited for when libp2p has failed."""

CONNECT_S = 5.0
EXCHANGE_S = 5.0

Introduce = Callable[[NodeId, NodeId, bytes], bool]
"""`introduce(target, through, payload)`: False where there is no such neighbour."""


class RefusedError(MeshError):
    """The other end does not want the link; `label` says why."""

    def __init__(self, label: str) -> None:
        super().__init__(f"the link was refused: {label}")
        self.label = label


class Courier:
    """Exchanges descriptors; `exchange` is what a `LinkMaker` is given."""

    def __init__(
        self,
        host: Host,
        introduce: Introduce,
        addresses: Callable[[NodeId], Sequence[str]],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._host = host
        self._introduce = introduce
        self._addresses = addresses
        self._through: dict[NodeId, NodeId] = {}
        self._asked: dict[NodeId, tuple[NodeId, asyncio.Future[bytes]]] = {}

    def go_through(self, node: NodeId, through: NodeId | None) -> None:
        """Which neighbour to ask for the next exchange with `node`."""
        self._through.pop(node, None)
        if through is not None:
            self._through[node] = through

    async def exchange(self, node: NodeId, descriptor: bytes) -> bytes:
        """The answer of `node`.  Raises `MeshError`, `RefusedError` among them."""
        through = self._through.pop(node, None)
        if through is None:
            answer = await self._connected(node, descriptor)
        else:
            answer = await self._introduced(node, through, descriptor)
        kind = envelope.kind_of(answer)
        if kind is Kind.REFUSED:
            raise RefusedError(envelope.label_of(answer))
        if kind is not Kind.ANSWER:
            raise DecodeError("envelope-answer")
        return answer

    async def _introduced(
        self, node: NodeId, through: NodeId, question: bytes
    ) -> bytes:
        """The answer by way of `through`, or by the slow way when it cannot be had."""
        if node in self._asked:
            raise MeshError("a descriptor is under way to this node")
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[node] = (through, future)
        try:
            if not self._introduce(node, through, question):
                self.counts["introduction-unlinked"] += 1
                return await self._connected(node, question)
            await asyncio.wait({future}, timeout=INTRODUCTION_S)
            if not future.done():
                self.counts["introduction-timeout"] += 1
                return await self._either(future, node, question)
        finally:
            del self._asked[node]
        if answer := future.result():
            self.counts["introduced"] += 1
            return answer
        self.counts["introduction-failed"] += 1
        return await self._connected(node, question)

    async def _either(
        self, future: asyncio.Future[bytes], node: NodeId, question: bytes
    ) -> bytes:
        """The neighbour's answer after all, or that of libp2p if it comes first.

        What fails by libp2p leaves it a little longer: who has read the descriptor
        already reads it only once, and who is behind a translator has no other way.
        """
        slow = asyncio.ensure_future(self._connected(node, question))
        try:
            either: set[asyncio.Future[bytes]] = {future, slow}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if slow.done() and not _is_answer(slow):
                await asyncio.wait({future}, timeout=LATE_S)
            if future.done() and future.result():
                self.counts["introduced-late"] += 1
                return future.result()
            return await slow
        finally:
            slow.cancel()

    async def _connected(self, node: NodeId, question: bytes) -> bytes:
        await self._host.connect(self._addresses(node), node, CONNECT_S)
        answer = await self._host.exchange(node, question, EXCHANGE_S)
        self.counts["exchanged"] += 1
        return answer

    def arrived(self, source: NodeId, through: NodeId, payload: bytes) -> bool:
        """Something of `source` came through a neighbour; whether it was an answer
        that somebody waits for.
        """
        asked = self._asked.get(source)
        is_answer = payload[:1] != bytes((Kind.DIAL.value,))
        if asked is None or not is_answer or asked[0] != through:
            return False
        if not asked[1].done():
            asked[1].set_result(payload)
        return True

    def failed(self, target: NodeId, through: NodeId) -> None:
        """The neighbour could not pass it on: no need to wait longer."""
        asked = self._asked.get(target)
        if asked is not None and asked[0] == through and not asked[1].done():
            asked[1].set_result(b"")


def _is_answer(done: asyncio.Future[bytes]) -> bool:
    """Whether an exchange brought what it was made for."""
    failed = done.cancelled() or done.exception() is not None
    return not failed and done.result()[:1] == bytes((Kind.ANSWER.value,))
