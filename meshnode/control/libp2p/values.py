"""What crosses the boundary of the host: events, limits, errors, counters.

Nothing here imports trio or libp2p, so that everybody may import it.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.errors import MeshError
from meshproto.gossip.peers import Version
from meshproto.ids import NodeId
from meshproto.wire.pubsub import RPC_OCTETS_MAX

LINK_PROTOCOL = "/meshnode/link/1.0.0"
"""One request and one answer per stream (RFC 0013 section 4)."""

EXCHANGE_OCTETS_MAX = 4096
"""Of a request or an answer on a link stream (RFC 0013 section 4)."""


class DialError(MeshError):
    """No connection, stream or answer; `reason` is a short fixed label."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """A connection stands; `address` is the remote's multiaddr without its id."""

    node: NodeId
    address: str
    outbound: bool
    relayed: bool = False
    """Over a circuit: `address` is the relay's, and it will not last."""


@dataclass(frozen=True, slots=True)
class PeerDisconnected:
    """The connection is gone, and with it every stream and what waited for them."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class GossipOpened:
    """Our gossip stream to `node` stands and speaks `version`."""

    node: NodeId
    version: Version


@dataclass(frozen=True, slots=True)
class GossipReceived:
    """One RPC of `node`, without its length."""

    node: NodeId
    rpc: bytes


@dataclass(frozen=True, slots=True)
class GossipPaused:
    """Half of the queue to `node` is full: say `stalled` to the router."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class GossipResumed:
    """The queue to `node` has room again: say `resumed` to the router."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class HostRestarted:
    """libp2p failed and was started again, for the `times`th time; all peers went."""

    times: int


@dataclass(frozen=True, slots=True)
class HostRefused:
    """A stranger or a peer did what is not done; `reason` is a label of `COUNTERS`.

    At most `HostLimits.refusals_per_s` are told, all are counted.
    """

    node: NodeId | None
    reason: str


HostEvent = (
    PeerConnected
    | PeerDisconnected
    | GossipOpened
    | GossipReceived
    | GossipPaused
    | GossipResumed
    | HostRestarted
    | HostRefused
)


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Bounds of the host; a full table refuses and counts under its name."""

    connections: int = 256
    """One per node; twice what a node with 64 links and 64 acquaintances has."""
    connections_per_address: int = 64
    """Of one IP address; a demonstration runs 30 nodes on one."""
    half_open: int = 32
    """Handshakes under way that others began: each costs 3 ms of CPU."""
    streams_per_connection: int = 32
    """Streams that one peer may hold open; it needs four."""
    gossip_queue: int = 256
    """RPCs that wait for one peer."""
    gossip_queue_octets: int = 2 * RPC_OCTETS_MAX
    """The same in octets; one RPC of the greatest size must fit."""
    unread_octets: int = 262_144
    """Of one peer's RPCs that asyncio has not taken; then we stop reading from it."""
    circuits: int = 16
    """That we relay at once; each 128 KiB each way and two minutes."""
    exchanges: int = 32
    """Requests of others that wait for our answer."""
    jobs: int = 1024
    """`connect` and `exchange` under way."""
    events: int = 4096
    """Events on their way out of it; when full nobody new is let in."""
    refusals_per_s: float = 20.0
    """`HostRefused` events; a flood of strangers must not become a flood of events."""
    handshake_s: float = 5.0
    """From TCP connection to authenticated streams; 4 round trips."""
    negotiate_s: float = 5.0
    """To agree on the protocol of one stream."""
    answer_s: float = 10.0
    """For our own handler to answer a request."""
    idle_s: float = 30.0
    """When full, an inbound connection this old to which we never spoke gossip gives
    way to a new one, so that strangers cannot occupy all places.
    """
    write_s: float = 20.0
    """A connection that takes nothing for so long is dead."""


COUNTERS = (
    "accepted",
    "dialled",
    "dial-failed",
    "gossip-in",
    "gossip-in-octets",
    "gossip-out",
    "gossip-out-octets",
    "gossip-dropped",
    "exchanges-in",
    "exchanges-out",
    "exchange-failed",
    "evicted",
    "circuits",
    "restarts",
    # refusals; the labels of `HostRefused` and `DialError`
    "address-full",
    "circuit",
    "closed",
    "crossed",
    "exchange-refused",
    "exchange-size",
    "full",
    "garbage",
    "gossip-framing",
    "gossip-protocol",
    "handler",
    "handshake",
    "identity",
    "identity-kind",
    "muxer",
    "overflow",
    "protocol",
    "refused",
    "security",
    "self",
    "streams-full",
    "timeout",
    "unreachable",
)
"""Every counter of `Libp2pHost.stats`, there from the start with 0."""
