"""What the parts of the router share, and the little that the owner hands in."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from meshproto.chance import Chance
from meshproto.config.gossip import GossipConfig
from meshproto.events import Event, LimitReached, Refused
from meshproto.gossip.authorship import Sign, Verify
from meshproto.gossip.backoff import Backoffs
from meshproto.gossip.cache import MessageCache
from meshproto.gossip.grid import Grid
from meshproto.gossip.outgoing import Outgoing
from meshproto.gossip.peers import Peer
from meshproto.gossip.promises import Promises
from meshproto.gossip.scoring import Scores
from meshproto.gossip.seen import Seen
from meshproto.gossip.topics import Topics
from meshproto.ids import NodeId
from meshproto.outputs import Outbox


class Surroundings(Protocol):
    """What the router asks of its owner."""

    def peer_record(self, node: NodeId) -> bytes | None:
        """The newest signed record of a neighbour, to be offered to others."""
        ...


class Delivery(NamedTuple):
    """A new message of a joined topic; the owner answers by `validated`.

    `origin` is its author, empty under StrictNoSign.
    """

    topic: str
    data: bytes
    origin: NodeId
    message_id: bytes


class Wanted(NamedTuple):
    """A node to connect to: a direct peer (no record), or one a neighbour offered."""

    node: NodeId
    record: bytes


class State:
    """The tables of one router."""

    __slots__ = (
        "backoffs",
        "beat",
        "cache",
        "chance",
        "config",
        "deliveries",
        "direct",
        "me",
        "outbox",
        "outgoing",
        "peers",
        "promises",
        "refused",
        "scores",
        "seen",
        "sign",
        "surroundings",
        "topics",
        "verify",
        "wanted",
    )

    def __init__(
        self,
        me: NodeId,
        config: GossipConfig,
        outbox: Outbox,
        chance: Chance,
        sign: Sign,
        verify: Verify,
        surroundings: Surroundings,
    ) -> None:
        self.me = me
        self.config = config
        self.outbox = outbox
        self.chance = chance
        self.sign = sign
        self.verify = verify
        self.surroundings = surroundings
        self.beat = Grid(config.heartbeat_s)
        self.peers: dict[NodeId, Peer] = {}
        self.direct: dict[NodeId, None] = {}
        self.topics = Topics()
        self.scores = Scores(
            config.score,
            config.topic_score,
            config.topic_scores,
            config.retained_scores_max,
        )
        self.backoffs = Backoffs(config.backoffs_max)
        self.cache = MessageCache(
            config.history_length, config.history_gossip, config.cache_octets_max
        )
        self.seen = Seen(config.seen_ttl_s, config.seen_max)
        self.promises = Promises(config.promises_max)
        self.outgoing = Outgoing(outbox, config.rpc_octets_max, config.queue_max)
        self.deliveries: list[Delivery] = []
        self.wanted: list[Wanted] = []
        self.refused: dict[str, None] = {}
        """Reasons told since the RPC that is being read began."""

    def tell(self, event: Event) -> None:
        """An event for the owner."""
        self.outbox.put(event)

    def refuse(self, node: NodeId, reason: str) -> None:
        """Remote input had no effect; told once per RPC, however often it is true."""
        if reason not in self.refused:
            self.refused[reason] = None
            self.outbox.put(Refused(node, reason))

    def overflow(self, limit: str, maximum: int) -> None:
        """A table took nothing more; told once per RPC too."""
        if limit not in self.refused:
            self.refused[limit] = None
            self.outbox.put(LimitReached(limit, maximum))

    def want(self, wanted: Wanted) -> None:
        """Ask the owner to connect, if it keeps up."""
        if len(self.wanted) < self.config.wanted_max:
            self.wanted.append(wanted)
