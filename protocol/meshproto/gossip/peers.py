"""A neighbour as the router knows it, and what its protocol version can do."""

from __future__ import annotations

from enum import Enum

from meshproto.ids import NodeId


class Version(Enum):
    """The protocol that the stream to a neighbour was opened with (RFC 0008 section
    2); the values are the names to negotiate, best first when reversed.
    """

    V1_0 = "/meshsub/1.0.0"
    V1_1 = "/meshsub/1.1.0"
    V1_2 = "/meshsub/1.2.0"

    @property
    def has_backoff(self) -> bool:
        """Whether PRUNE may carry a back-off and other peers (from 1.1)."""
        return self is not Version.V1_0

    @property
    def has_idontwant(self) -> bool:
        """Whether IDONTWANT is understood (from 1.2)."""
        return self is Version.V1_2


class Peer:
    """A neighbour with a gossip stream; counts are of heartbeat `beat` only."""

    __slots__ = (
        "asked_ids",
        "beat",
        "direct",
        "idontwants",
        "ihaves",
        "node",
        "outbound",
        "topics",
        "unwanted",
        "version",
    )

    def __init__(
        self, node: NodeId, *, outbound: bool, version: Version, direct: bool
    ) -> None:
        self.node = node
        self.outbound = outbound
        self.version = version
        self.direct = direct
        self.topics: dict[str, None] = {}
        self.unwanted: dict[bytes, int] | None = None
        self.beat = -1
        self.ihaves = self.asked_ids = self.idontwants = 0

    def __repr__(self) -> str:
        way = "out" if self.outbound else "in"
        return f"<Peer {self.node[-4:].hex()} {way} {self.version.name}>"

    def count_from(self, beat: int) -> None:
        """Forget the counts of an earlier heartbeat."""
        if self.beat != beat:
            self.beat = beat
            self.ihaves = self.asked_ids = self.idontwants = 0

    def refuse(self, message_id: bytes, until: int) -> None:
        """IDONTWANT: never send `message_id` before heartbeat `until`."""
        if self.unwanted is None:
            self.unwanted = {}
        self.unwanted.pop(message_id, None)
        self.unwanted[message_id] = until

    def refuses(self, message_id: bytes, beat: int) -> bool:
        """Whether an IDONTWANT for `message_id` holds in heartbeat `beat`."""
        if self.unwanted is None:
            return False
        while self.unwanted:
            oldest = next(iter(self.unwanted))
            if self.unwanted[oldest] > beat:
                return message_id in self.unwanted
            del self.unwanted[oldest]
        self.unwanted = None
        return False
