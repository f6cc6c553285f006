"""Nodes with nothing but a media port: keys, a peer record, and a way to dial."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshnode.control.descriptors import Descriptors, Own
from meshnode.control.links import LinkMaker
from meshnode.media.certificate import Certificate
from meshnode.media.link_table import to_media
from meshnode.media.link_transport import LinkState, LinkTransport
from meshnode.media.port import MediaPort
from meshproto.config.ice import AgentConfig
from meshproto.errors import StateError
from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from meshproto.wire import peer_id
from meshproto.wire.control.peer import PeerRecord, Reach
from support.middle import Front, Middle
from support.planes import PLANE, make_plane

EPOCHS = itertools.count(1_700_000_000_000)


class Keys:
    """A node's key made from a number, the same in every run."""

    def __init__(self, number: int = 0) -> None:
        self.seed = bytes([number & 255, number >> 8]) + bytes(30)
        self._private = Ed25519PrivateKey.from_private_bytes(self.seed)
        public = self._private.public_key().public_bytes_raw()
        self.node: NodeId = peer_id.from_ed25519(public)

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)


def record(keys: Keys, epoch: int, addresses: Sequence[tuple[str, int]]) -> PeerRecord:
    media = tuple(map(to_media, addresses))[:4]
    made = PeerRecord(*(keys.node, epoch, 1, media, (), Reach.DIRECT, 4, 4, "", "", ()))
    return replace(made, signature=keys.sign(made.signed_part()))


@dataclass
class LinkNode:
    """One node; `others` are those it can exchange descriptors with."""

    keys: Keys
    port: MediaPort
    others: dict[NodeId, LinkNode]
    candidates: tuple[tuple[str, int], ...] = ()
    welcome: str | None = None
    carry: Callable[[NodeId, bytes], Awaitable[bytes]] | None = None
    epoch: int = field(default_factory=lambda: next(EPOCHS))
    wall_offset_s: float = 0.0
    links: list[tuple[LinkTransport, Purpose]] = field(default_factory=list)
    front: Front | None = None
    """Where it can be cut off, if it has one."""

    def __post_init__(self) -> None:
        own = Own(self.record, lambda: self.candidates, self.port.fingerprint)
        self.maker: LinkMaker[LinkTransport] = LinkMaker(
            self.keys,
            own,
            self.port,
            self._exchange,
            lambda peer, purpose: self.welcome,
            wall_s=lambda: time.time() + self.wall_offset_s,
        )
        self.maker.on_link(lambda link, purpose: self.links.append((link, purpose)))
        self.descriptors = Descriptors(self.keys, own, lambda: int(time.time() * 1000))

    def record(self) -> PeerRecord:
        return record(self.keys, self.epoch, self.candidates)

    async def dial(self, other: LinkNode, purpose: Purpose = Purpose.OVERLAY):
        return await self.maker.dial(other.record(), purpose)

    async def _exchange(self, node: NodeId, payload: bytes) -> bytes:
        if self.carry is not None:
            return await self.carry(node, payload)
        answer = await self.others[node].maker.answered(self.keys.node, payload)
        if answer is None:
            raise StateError("no-answer")
        return answer


def bury(node: LinkNode, link: LinkTransport) -> None:
    """The node's end of a link is gone for good, and nobody was told."""
    node.port.plane.close_transport(link.id)
    link.state = LinkState.SILENT


async def open_node(
    number: int,
    others: dict[NodeId, LinkNode],
    *,
    hosts: Sequence[str] = ("127.0.0.1",),
    port: int = 0,
    links: AgentConfig | None = None,
    plane: str = PLANE,
    middle: Middle | None = None,
) -> LinkNode:
    media = MediaPort(make_plane(plane, links=links), Certificate.generate())
    addresses = await media.open(hosts, port)
    made = LinkNode(Keys(number), media, others, tuple(addresses))
    if middle is not None:
        made.front = await middle.front(addresses[0])
        made.candidates = (made.front.address,)
    others[made.keys.node] = made
    return made
