"""A mesh as a node could see it, in values: six neighbours and one stream."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from meshnode import MeshNode
from meshnode.observe.mesh_status import (
    KnownStream,
    MeshStatus,
    PeerStatus,
    RouteStatus,
    TreeStatus,
)
from meshnode.observe.status import NodeStatus
from meshnode.observe.trace import Alternative, Hop, Trace, Why
from meshproto.ids import NodeId, short_id
from meshproto.wire import peer_id

STREAM = "ab" * 16
ORIGIN, RELAY = 20, 21


def node(number: int) -> NodeId:
    return peer_id.from_ed25519(hashlib.sha256(bytes([number])).digest())


def text(number: int) -> str:
    return peer_id.to_text(node(number))


def short(number: int) -> str:
    return short_id(node(number)).hex()


def peer(number: int, **more: object) -> PeerStatus:
    values = PeerStatus(
        text(number), True, True, "overlay", "direct", 0.01 * number, 0.0, False, 61.0
    )
    return replace(values, **more)  # type: ignore[arg-type]


def mesh(**more: object) -> MeshStatus:
    """Node 0; its parent is 2, the second 4, its children 1 and 5."""
    tree = TreeStatus(
        STREAM,
        "demo",
        text(ORIGIN),
        "live",
        text(2),
        text(4),
        (text(1), text(5)),
        (short(ORIGIN), short(RELAY), short(2), short(0)),
        0.031,
    )
    peers = (*(peer(number) for number in range(1, 6)), peer(6, suspect=True, loss=0.2))
    values = MeshStatus(
        text(0),
        1,
        "both",
        "direct",
        ("/ip4/192.0.2.1/tcp/5000",),
        peers,
        (RouteStatus(text(ORIGIN), 0.031, text(2), 3),),
        (tree,),
        (KnownStream(STREAM, "demo", text(ORIGIN), False, ("vp8", "opus")),),
        {"octets": {"link": 10, "routing": 20}},
    )
    return replace(values, **more)  # type: ignore[arg-type]


def trace(name: str = "demo") -> Trace:
    return Trace(
        text(0),
        STREAM,
        name,
        text(ORIGIN),
        "live",
        0.031,
        (
            Hop(text(2), short(2), 0.02, 0.011, 0.02, 0.0),
            Hop(None, short(RELAY), 0.008, 0.012),
            Hop(text(ORIGIN), short(ORIGIN), 0.0, 0.008),
        ),
        (
            Alternative(text(4), Why.STANDBY, 0.035, 0.004, 3),
            Alternative(text(3), Why.DEARER, 0.0403, 0.0093, 2),
            Alternative(text(1), Why.BELOW, 0.06, 0.029, 0),
        ),
        ("partial view: hops beyond the parent are told",),
    )


class Meshed(MeshNode):
    """A real node that says it is in the mesh above."""

    def status(self) -> NodeStatus:
        return replace(super().status(), mesh=mesh())

    async def trace(self, stream: str) -> Trace | None:
        return trace(stream) if stream == "demo" else None
