"""What the driver needs of libp2p, of link transports and of the packet path, as types.

Three packages are driven here and none of them is imported by the driver: what is in
this module is the whole of what crosses, so a test can stand a mesh of brains on plain
queues, and each of the three can change inside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from meshproto.forwarding.relay_table import RelayDelta
from meshproto.ids import NodeId, StreamId, TransportId
from meshproto.outputs import Purpose
from meshproto.wire.control.peer import PeerRecord

Address = tuple[str, int]
"""IP address (text, no zone, never IPv4-mapped) and UDP port."""

Exchange = Callable[[NodeId, bytes], Awaitable[bytes | None]]
"""Answers one request of a node; None refuses it without a word."""


class Host(Protocol):
    """The libp2p host: who and where (`meshnode.control.libp2p`)."""

    @property
    def node(self) -> NodeId:
        """The own id."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Multiaddrs as text, each with `/p2p/ID`."""

    @property
    def port(self) -> int:
        """The TCP port, the one asked for before it is bound."""

    async def start(self) -> None:
        """Listen.  Raises `StateError` when the port is taken."""

    async def close(self) -> None:
        """Stop."""

    def on_event(self, handler: Callable[[Any], None]) -> None:
        """Set the one receiver of `PeerConnected`, `GossipReceived` and so on."""

    async def connect(
        self, addresses: Sequence[str], node: NodeId | None, timeout_s: float
    ) -> NodeId:
        """Connect; `node` None learns who answers.  Raises `MeshError`."""

    def send_gossip(self, node: NodeId, rpc: bytes) -> bool:
        """Queue an RPC for a connected node; False where it cannot be."""

    async def exchange(self, node: NodeId, payload: bytes, timeout_s: float) -> bytes:
        """One request and its answer.  Raises `MeshError`."""

    def serve_exchange(self, handler: Exchange) -> None:
        """Who answers requests."""

    def disconnect(self, node: NodeId) -> None:
        """Close the connection; unknown nodes are fine."""

    def stats(self) -> dict[str, int]:
        """Counters."""


class State(Protocol):
    """A state of a link: "new", "connected", "resumed", "silent" or "closed"."""

    @property
    def value(self) -> str:
        """Its name."""


class Link(Protocol):
    """One association with a neighbour on the media port."""

    @property
    def id(self) -> TransportId:
        """Its number in the packet path."""

    @property
    def node(self) -> NodeId:
        """Who is at the other end, authenticated."""

    @property
    def rtt_s(self) -> float | None:
        """The newest round trip, None while nothing is measured."""

    @property
    def state(self) -> State:
        """Where it is in its life."""

    def on_frame(self, handler: Callable[[bytes], None]) -> None:
        """Call `handler(frame)` for every control frame."""

    def on_state(self, handler: Callable[[Any], None]) -> None:
        """Call `handler(link)` after every change of state."""

    def on_checked(self, handler: Callable[[float | None], None]) -> None:
        """Call `handler(rtt_s)` for every check of the path, None for a missed one."""

    def send(self, frame: bytes) -> bool:
        """Send one control frame; False where it is lost."""

    def pace(self, interval_s: float) -> None:
        """How often to check the path."""

    def park(self) -> None:
        """Keep the keys and look once a second: an answer makes it "resumed"."""

    def close(self, reason: str = ...) -> None:
        """Say goodbye to the association and free everything."""


class Maker(Protocol):
    """Sets links up (`meshnode.control.links`)."""

    @property
    def refused(self) -> Mapping[str, int]:
        """What came to nothing, by fixed label."""

    async def dial(self, peer: PeerRecord, purpose: Purpose) -> Link:
        """A connected link.  Raises `MeshError`."""

    async def answered(self, source: NodeId, payload: bytes) -> bytes | None:
        """The answer to somebody's descriptor; the link comes by `on_link`."""

    def on_link(self, handler: Callable[[Link, Purpose], None]) -> None:
        """Who hears of links that others dialled."""


class Plane(Protocol):
    """The packet path, as far as trees, checks and probes go."""

    def program(self, deltas: Iterable[RelayDelta]) -> None:
        """Apply changes to legs in order."""

    def stream_history(self, stream: StreamId) -> tuple[int, int] | None:
        """(newest key frame, newest) of a stream in its own numbers."""

    def probe(self, address: Address, token: int) -> None:
        """One plain STUN Binding; ends in `Probed(token, rtt_s or None)`."""
