"""The partial view: which peers this node remembers (RFC 0007 section 4).

24 near ones, ranked by measured or predicted round trip, and 48 random ones, replaced
at random so that they stay a sample of the mesh.  Beside them the book keeps the
records of neighbours and lost peers, which are *held* and take no place.  Nobody needs
the list of all nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from meshproto.chance import Chance
from meshproto.config.overlay import OverlayConfig
from meshproto.ids import NodeId, ShortId, short_id
from meshproto.overlay.families import Families, keys_of
from meshproto.wire.control.peer import PeerRecord


class Entry:
    """A remembered peer; `rtt_s` is measured, `rank_s` measured or predicted."""

    __slots__ = (
        *("capable", "failures", "held", "hosted", "introducer", "keys", "near"),
        *("peer", "placed", "rank_s", "retry_at", "rtt_s", "seen_at"),
    )

    def __init__(self, peer: PeerRecord, keys: tuple[bytes | str, ...]) -> None:
        self.peer = peer
        self.keys = keys
        self.capable = False
        self.seen_at = -math.inf
        self.rtt_s: float | None = None
        self.rank_s = math.inf
        self.introducer: NodeId | None = None
        self.placed = False
        self.near = False
        self.held = 0
        self.failures = 0
        self.hosted = 0
        """How often in a row it had no room for us but a guest's."""
        self.retry_at = -math.inf

    def __repr__(self) -> str:
        place = "near" if self.near else "random" if self.placed else "held"
        return f"<Entry {self.peer.node.hex()[-8:]} {place} {self.rank_s * 1e3:.1f} ms>"


class Book:
    """All records a node keeps, bounded by places and by who holds."""

    __slots__ = (
        *("_capable", "_chance", "_config", "_entries", "_families", "_near"),
        *("_random", "_short", "capable"),
    )

    def __init__(
        self,
        config: OverlayConfig,
        chance: Chance,
        capable: Callable[[PeerRecord], bool],
    ) -> None:
        self._config = config
        self._capable = capable
        self.capable = 0
        self._chance = chance
        self._entries: dict[NodeId, Entry] = {}
        self._short: dict[ShortId, NodeId] = {}
        self._near: list[Entry] = []
        self._random: list[Entry] = []
        self._families = Families(config.peers_per_prefix, config.peers_per_operator)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, node: NodeId) -> bool:
        return node in self._entries

    def get(self, node: NodeId) -> Entry | None:
        """The entry of `node`."""
        return self._entries.get(node)

    def of_short(self, short: ShortId) -> Entry | None:
        """The entry of the node with this short name."""
        node = self._short.get(short)
        return None if node is None else self._entries[node]

    def entries(self) -> Iterator[Entry]:
        """Every entry, held ones too, in the order they were learned."""
        return iter(self._entries.values())

    def remembered(self) -> Iterator[Entry]:
        """The members with a place: near ones first."""
        yield from self._near
        yield from self._random

    @property
    def near(self) -> list[Entry]:
        """The near ones, in no order; not to be changed."""
        return self._near

    @property
    def random(self) -> list[Entry]:
        """The random ones; not to be changed."""
        return self._random

    def keys(self, peer: PeerRecord) -> tuple[bytes | str, ...]:
        """The families of a peer as this book counts them."""
        return keys_of(peer, self._config.quota_private)

    def refresh(self, entry: Entry, peer: PeerRecord) -> None:
        """Replace the record of an entry by a newer one."""
        keys = self.keys(peer)
        entry.peer = peer
        self.weigh(entry)
        if keys == entry.keys:
            return
        placed = entry.placed
        if placed:
            self._families.remove(entry.keys)
        entry.keys = keys
        if placed:
            # why: a move into a full network must not evade the quota
            full = self._families.full(keys)
            self._families.add(keys)
            if full is not None:
                self.forget(entry)

    def weigh(self, entry: Entry) -> None:
        """Judge again whether a peer is capable; `capable` counts those who are."""
        capable = self._capable(entry.peer)
        self.capable += capable - entry.capable
        entry.capable = capable

    def hold(self, peer: PeerRecord) -> Entry:
        """Keep the record of `peer` until released as often as held."""
        entry = self._entries.get(peer.node) or self._enter(peer)
        entry.held += 1
        return entry

    def release(self, entry: Entry) -> None:
        """Undo one `hold`; an entry without holder and place is forgotten."""
        entry.held -= 1
        self._drop_idle(entry)

    def learn(self, peer: PeerRecord, rank_s: float) -> Entry | None:
        """Give a new peer a place, if its network and operator have a share left."""
        entry = self._entries.get(peer.node)
        if entry is not None and entry.placed:
            return entry
        keys = self.keys(peer)
        if self._families.full(keys) is not None:
            return None
        entry = entry or self._enter(peer)
        entry.rank_s = min(entry.rank_s, rank_s)
        self._families.add(entry.keys)
        entry.placed = True
        if not self._place_near(entry):
            self._place_random(entry)
        return entry

    def measured(self, entry: Entry, rtt_s: float, now: float) -> None:
        """Take a sample of the round trip; good for the entry's place and age."""
        weight = self._config.rtt_weight
        if entry.rtt_s is None:
            entry.rtt_s = rtt_s
        else:
            entry.rtt_s += weight * (rtt_s - entry.rtt_s)
        entry.rank_s = entry.rtt_s
        entry.seen_at = max(entry.seen_at, now)
        entry.failures = 0
        if entry.placed and not entry.near:
            self._random.remove(entry)
            if not self._place_near(entry):
                self._random.append(entry)

    def forget(self, entry: Entry) -> None:
        """Take an entry's place away."""
        if entry.placed:
            self._unplace(entry)
        self._drop_idle(entry)

    def expire(self, now: float) -> None:
        """Forget members unheard of for too long, and thin ones no longer needed."""
        before = now - self._config.peer_expiry_s
        few = self.capable < self._config.capable_few
        for entry in list(self.remembered()):
            old = entry.seen_at < before and not entry.held
            if old or not (entry.capable or few):
                self.forget(entry)

    def _enter(self, peer: PeerRecord) -> Entry:
        entry = Entry(peer, self.keys(peer))
        self._entries[peer.node] = entry
        self.weigh(entry)
        self._short[short_id(peer.node)] = peer.node
        return entry

    def _drop_idle(self, entry: Entry) -> None:
        node = entry.peer.node
        if entry.held or entry.placed or self._entries.get(node) is not entry:
            return
        del self._entries[node]
        self.capable -= entry.capable
        if self._short.get(short_id(node)) == node:
            del self._short[short_id(node)]

    def _unplace(self, entry: Entry) -> None:
        (self._near if entry.near else self._random).remove(entry)
        entry.placed = entry.near = False
        self._families.remove(entry.keys)

    def _place_near(self, entry: Entry) -> bool:
        if math.isinf(entry.rank_s):
            return False
        near = self._near
        if len(near) >= self._config.near_peers:
            worst = max(near, key=_rank)
            if worst.rank_s <= entry.rank_s:
                return False
            near.remove(worst)
            worst.near = False
            self._place_random(worst)
        near.append(entry)
        entry.near = True
        return True

    def _place_random(self, entry: Entry) -> None:
        pool = self._random
        if len(pool) >= self._config.random_peers:
            victim = self._chance.choice(pool)
            self._unplace(victim)
            self._drop_idle(victim)
        pool.append(entry)


def _rank(entry: Entry) -> float:
    return entry.rank_s
