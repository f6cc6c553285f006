"""Who is here? Nodes that want to be listed, by their own word (RFC 0009 section 9).

A list for people: a map, a count.  Nothing in the mesh depends on it, so it is a
bounded sample, and it is told so seldom that the whole network can afford it.  Whoever
wants to be listed listens too, for the size of the list decides how often one may
speak.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from meshproto.chance import Chance
from meshproto.config.directory import PresenceConfig
from meshproto.errors import DecodeError
from meshproto.events import Refused
from meshproto.gossip.authorship import SEQNO_OCTETS, Verify
from meshproto.gossip.directory_authors import Authors
from meshproto.gossip.directory_state import Publish
from meshproto.gossip.seen import Verdict
from meshproto.gossip.state import Delivery
from meshproto.ids import NodeId
from meshproto.outputs import Outbox
from meshproto.timers import Timers
from meshproto.wire.control.peer import PeerRecord, build_peer, parse_peer

_REFRESH = NodeId(b"")
"""The timer's key for telling our own record; the others are nodes that expire."""

Own = Callable[[], PeerRecord]
"""What this node says about itself at the moment."""


class Presence:
    """The list as one node knows it, and this node's part in it."""

    __slots__ = (
        "_authors",
        "_chance",
        "_config",
        "_nodes",
        "_outbox",
        "_own",
        "_publish",
        "_salt",
        "_timers",
        "_verify",
    )

    def __init__(
        self,
        config: PresenceConfig,
        outbox: Outbox,
        chance: Chance,
        verify: Verify,
        own: Own,
        publish: Publish,
    ) -> None:
        """`publish(data, now)` gossips a message into the presence topic."""
        self._config = config
        self._outbox = outbox
        self._chance = chance
        self._verify = verify
        self._own = own
        self._publish = publish
        self._salt = b""
        self._timers: Timers[NodeId] = Timers()
        self._nodes: dict[NodeId, PeerRecord] = {}
        self._authors = Authors(
            config.authors_max,
            config.author_messages_per_s,
            config.author_messages_burst,
        )

    def enlist(self, now: float) -> None:
        """Be listed from now on; again is fine."""
        if _REFRESH not in self._timers:
            wait_s = self._config.first_s * (0.5 + self._chance.random())
            self._timers.set(_REFRESH, now + wait_s)

    def withdraw(self) -> None:
        """Say nothing more; lists forget this node in time."""
        self._timers.cancel(_REFRESH)

    def listed(self) -> list[PeerRecord]:
        """The nodes on the list, or a fair sample of them."""
        return list(self._nodes.values())

    def population(self) -> int:
        """How many nodes are listed in the whole mesh, guessed from the sample."""
        kept = len(self._nodes)
        if kept < self._config.listed_max:
            return kept
        share = max(map(self._lot, self._nodes)) / 2**64
        return max(kept, round((kept - 1) / max(share, 2.0**-40)))

    def interval_s(self) -> float:
        """How often one may speak, so that all together stay within the budget."""
        config = self._config
        octets = self.population() * config.record_octets * config.copies
        return max(config.refresh_s, octets / config.budget_octets_per_s)

    def deliver(self, delivery: Delivery, now: float) -> Verdict:
        """A message of the topic: what the router shall do with it."""
        author = delivery.origin
        number = int.from_bytes(delivery.message_id[-SEQNO_OCTETS:], "big")
        if self._authors.admit(author, number, now) is None:
            return self._refuse(author, "presence-flood", Verdict.IGNORE)
        try:
            record = parse_peer(delivery.data)
        except DecodeError as error:
            return self._refuse(author, error.reason, Verdict.REJECT)
        if record.node != author:
            return self._refuse(author, "presence-author", Verdict.REJECT)
        held = self._nodes.get(author)
        if held is not None and not record.newer_than(held):
            return Verdict.IGNORE
        if not self._verify(author, record.signed_part(), record.signature):
            return self._refuse(author, "presence-signature", Verdict.REJECT)
        self._hold(record, now)
        return Verdict.ACCEPT

    def next_timeout(self) -> float | None:
        """The next deadline."""
        return self._timers.next()

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        for node in self._timers.due(now):
            if node == _REFRESH:
                self._tell(now)
            else:
                del self._nodes[node]

    def _tell(self, now: float) -> None:
        share = self._config.refresh_jitter * (2.0 * self._chance.random() - 1.0)
        self._timers.set(_REFRESH, now + self.interval_s() * (1.0 + share))
        self._publish(build_peer(self._own()), now)

    def _refuse(self, node: NodeId, reason: str, verdict: Verdict) -> Verdict:
        self._outbox.put(Refused(node, reason))
        return verdict

    def _lot(self, node: NodeId) -> int:
        """A number that nobody else can foresee: the least ones are the sample."""
        if not self._salt:
            self._salt = self._chance.randrange(2**64).to_bytes(8, "big")
        return int.from_bytes(hashlib.sha256(self._salt + node).digest()[:8], "big")

    def _hold(self, record: PeerRecord, now: float) -> None:
        nodes, node = self._nodes, record.node
        if node not in nodes and len(nodes) >= self._config.listed_max:
            worst = max(nodes, key=self._lot)
            if self._lot(node) >= self._lot(worst):
                return
            del nodes[worst]
            self._timers.cancel(worst)
        nodes[node] = record
        late = self._config.refreshes_missed * (1.0 + self._config.refresh_jitter)
        self._timers.set(node, now + self.interval_s() * late)
