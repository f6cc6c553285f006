"""Who speaks, how often, and what was their last message (RFC 0009 section 5.3).

An honest origin sends a message in two seconds at most.  Whoever speaks more often is
not passed on, and neither is an old message that somebody plays again: numbers of an
author's messages only grow.
"""

from __future__ import annotations

from meshproto.bucket import Bucket
from meshproto.ids import NodeId


class _Author:
    __slots__ = ("bucket", "last")

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.last = -1


class Authors:
    """At most `maximum` authors; the one that was silent for longest goes first."""

    __slots__ = ("_authors", "_burst", "_maximum", "_per_s")

    def __init__(self, maximum: int, per_s: float, burst: float) -> None:
        self._maximum = maximum
        self._per_s = per_s
        self._burst = burst
        self._authors: dict[NodeId, _Author] = {}

    def __len__(self) -> int:
        return len(self._authors)

    def admit(self, node: NodeId, number: int, now: float) -> bool | None:
        """Whether message `number` of `node` is newer than its others; None if `node`
        speaks too often.
        """
        author = self._authors.pop(node, None)
        if author is None:
            while len(self._authors) >= self._maximum:
                del self._authors[next(iter(self._authors))]
            author = _Author(Bucket(self._per_s, self._burst, now))
        self._authors[node] = author
        if not author.bucket.take(now):
            return None
        fresh = number > author.last
        author.last = max(author.last, number)
        return fresh
