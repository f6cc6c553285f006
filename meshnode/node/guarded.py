"""A maker of links that asks the operator's lists first, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshnode.control.courier import RefusedError
from meshnode.control.seam import Link, Maker
from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from meshproto.wire.control.peer import PeerRecord

DENIED = "denied"
"""The label that the other end is told; who is listed why is nobody's business."""


class Guarded:
    """`maker`, for nodes that are welcome."""

    def __init__(self, maker: Maker, welcome: Callable[[NodeId], bool]) -> None:
        self._maker = maker
        self._welcome = welcome

    async def dial(self, peer: PeerRecord, purpose: Purpose) -> Link:
        """A connected link; raises `RefusedError` for a node that is not welcome."""
        if not self._welcome(peer.node):
            raise RefusedError(DENIED)
        return await self._maker.dial(peer, purpose)

    async def answered(self, source: NodeId, payload: bytes) -> bytes | None:
        """The answer to a descriptor, None for a node that is not welcome."""
        if not self._welcome(source):
            return None
        return await self._maker.answered(source, payload)

    def on_link(self, handler: Callable[[Any, Purpose], None]) -> None:
        """Who hears of links that others dialled."""
        self._maker.on_link(handler)
