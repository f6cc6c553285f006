"""What a node is made of: identity, constants, and what it has to give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from meshproto.config.directory import DirectoryConfig
from meshproto.config.distribution import DistributionConfig
from meshproto.config.gossip import GossipConfig
from meshproto.config.link import LinkConfig
from meshproto.config.overlay import OverlayConfig
from meshproto.config.routing import RoutingConfig
from meshproto.ids import NodeId
from meshproto.wire.control.peer import MediaAddress, Reach


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is: its id, its epoch (ms since 1970 at start) and its key's use."""

    node: NodeId
    epoch: int
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The constants of all machines."""

    link: LinkConfig = field(default_factory=LinkConfig)
    overlay: OverlayConfig = field(default_factory=OverlayConfig)
    gossip: GossipConfig = field(default_factory=GossipConfig)
    directory: DirectoryConfig = field(default_factory=DirectoryConfig)
    routing: RoutingConfig = field(default_factory=RoutingConfig)
    distribution: DistributionConfig = field(default_factory=DistributionConfig)


class Wish(NamedTuple):
    """What viewers at this node want of a stream.

    `layers` is a mask, `viewers` how many there are; `dual` asks for its sound and
    lowest layer over two parents all the time (RFC 0011 section 6.4).
    """

    layers: int
    viewers: int
    dual: bool = False


@dataclass(frozen=True, slots=True)
class Ability:
    """What this node has to give: see `PeerRecord` for the fields.

    `usual_copies` is what it feeds when it is not out of breath, None: `copies`.
    """

    media: tuple[MediaAddress, ...]
    control: tuple[bytes, ...] = ()
    reach: Reach = Reach.DIRECT
    copies: int = 4
    operator: str = ""
    entry: str = ""
    uplink_bps: float = 20_000_000.0
    usual_copies: int | None = None

    @property
    def lasting_copies(self) -> int:
        """What decides whether this node is capable (RFC 0007 section 5), and whether
        routes lead through it (RFC 0010 section 5.5).
        """
        return self.copies if self.usual_copies is None else self.usual_copies
