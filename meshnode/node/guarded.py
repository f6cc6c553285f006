"""A maker of links that asks the operator's lists first, both ways.

Whom this node dials is stopped here; who dials it is refused by `accepts`, so that the
refusal is sealed and signed like any other and nobody learns more than the one word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshnode.control.courier import RefusedError
from meshnode.control.seam import Link, Maker
from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from meshproto.wire.control.peer import PeerRecord

DENIED = "denied"
"""The label that the other end is told; who is listed why is nobody's business."""


Accepts = Callable[[PeerRecord, Purpose], str | None]


def accepting(accepts: Accepts, welcome: Callable[[NodeId], bool]) -> Accepts:
    """`accepts`, after the lists: None for a welcome node, else a short label."""

    def asked(peer: PeerRecord, purpose: Purpose) -> str | None:
        return accepts(peer, purpose) if welcome(peer.node) else DENIED

    return asked


class Guarded:
    """`maker`, for nodes that are welcome."""

    def __init__(self, maker: Maker, welcome: Callable[[NodeId], bool]) -> None:
        self._maker = maker
        self._welcome = welcome

    @property
    def refused(self) -> Mapping[str, int]:
        """What came to nothing there, by fixed label."""
        return self._maker.refused

    async def dial(self, peer: PeerRecord, purpose: Purpose) -> Link:
        """A connected link; raises `RefusedError` for a node that is not welcome."""
        if not self._welcome(peer.node):
            raise RefusedError(DENIED)
        return await self._maker.dial(peer, purpose)

    async def answered(self, source: NodeId, payload: bytes) -> bytes | None:
        """The answer to a descriptor; the maker asks `accepts`."""
        return await self._maker.answered(source, payload)

    def on_link(self, handler: Callable[[Any, Purpose], None]) -> None:
        """Who hears of links that others dialled."""
        self._maker.on_link(handler)
