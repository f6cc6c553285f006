"""What a node remembers of messages: those it saw, those it keeps, what may still go.

Duplicates are found by (stream, source, sequence) among the latest few thousand, each
by itself and not by a highest number: who lies about a source can then silence nobody
but by guessing the very next sequences.  Each neighbour has two buckets of octets, one
for what goes to it and one, twice as large, for what comes.
"""

from __future__ import annotations

from collections import Counter, deque

from meshproto.config.distribution import DistributionConfig
from meshproto.ids import NodeId, StreamId
from meshproto.wire.control.distribution import Message, MessageDown

_TOLERANCE = 2
"""A neighbour's clock and ours agree well enough for this."""


def octets_of(data: bytes | str) -> int:
    """The size of a message; text counts as UTF-8."""
    return len(data.encode("utf-8", "replace")) if isinstance(data, str) else len(data)


class _Bucket:
    """So many octets a second, so many at once."""

    __slots__ = ("_at", "_level", "_most", "_per_s")

    def __init__(self, per_s: float, most: float, now: float) -> None:
        self._per_s = per_s
        self._most = self._level = most
        self._at = now

    def take(self, octets: int, now: float) -> bool:
        """Take them, False where there are fewer."""
        filled = self._level + max(now - self._at, 0.0) * self._per_s
        self._level = min(filled, self._most)
        self._at = now
        if octets > self._level:
            return False
        self._level -= octets
        return True


class Book:
    """One per node; `counts` says by fixed labels what became of messages."""

    __slots__ = (
        "_coming",
        "_config",
        "_going",
        "_kept",
        "_kept_octets",
        "_seen",
        "_sequence",
        "counts",
    )

    def __init__(self, config: DistributionConfig, epoch: int) -> None:
        self.counts: Counter[str] = Counter()
        self._config = config
        # why the epoch: numbers must be new after a restart (RFC 0011 section 8.3)
        self._sequence = epoch
        self._seen: dict[tuple[StreamId, NodeId, int], None] = {}
        self._kept: deque[tuple[float, MessageDown]] = deque()
        self._kept_octets = 0
        self._going: dict[NodeId, _Bucket] = {}
        self._coming: dict[NodeId, _Bucket] = {}

    def next_sequence(self) -> int:
        """A number that no message of this node had, not even before a restart."""
        self._sequence += 1
        return self._sequence

    def is_new(self, message: Message) -> bool:
        """Note the message; whether it was not here before."""
        key = (message.stream, message.source, message.sequence)
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > self._config.messages_seen_max:
            del self._seen[next(iter(self._seen))]
        return True

    def may_go(self, node: NodeId, message: Message, now: float) -> bool:
        """Whether the rate of the link to `node` admits it."""
        return self._take(self._going, node, message, 1, now)

    def may_come(self, node: NodeId, message: Message, now: float) -> bool:
        """Whether `node` keeps to its rate."""
        return self._take(self._coming, node, message, _TOLERANCE, now)

    def forget(self, node: NodeId) -> None:
        """The link is gone."""
        self._going.pop(node, None)
        self._coming.pop(node, None)

    def keep(self, message: MessageDown, now: float) -> None:
        """Have it ready for a child that changes parents."""
        self._kept.append((now, message))
        self._kept_octets += octets_of(message.data)
        self._expire(now)

    def kept(self, stream: StreamId, now: float) -> list[MessageDown]:
        """The latest messages of a stream, in order."""
        self._expire(now)
        return [message for _, message in self._kept if message.stream == stream]

    def _expire(self, now: float) -> None:
        config, kept = self._config, self._kept
        while kept and (
            now - kept[0][0] > config.message_kept_s
            or self._kept_octets > config.message_kept_octets
        ):
            self._kept_octets -= octets_of(kept.popleft()[1].data)

    def _take(
        self,
        buckets: dict[NodeId, _Bucket],
        node: NodeId,
        message: Message,
        factor: int,
        now: float,
    ) -> bool:
        config = self._config
        bucket = buckets.get(node)
        if bucket is None:
            per_s = config.message_octets_per_s * factor
            bucket = _Bucket(per_s, config.message_burst_octets * factor, now)
            buckets[node] = bucket
        return bucket.take(octets_of(message.data) + config.message_cost_octets, now)
