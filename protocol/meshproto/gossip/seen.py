"""Every message id of the last two minutes, and what became of it.

An id is entered when its message proved authentic, so a forged copy cannot keep the
true one out.  While the owner validates, the copies that arrive are noted: a rejected
message blames everybody who sent it.
"""

from __future__ import annotations

from enum import Enum

from meshproto.ids import NodeId


class Verdict(Enum):
    """What validation found."""

    ACCEPT = "accept"
    IGNORE = "ignore"
    REJECT = "reject"


class Sighting:
    """A message: `verdict` is None while the owner has not spoken."""

    __slots__ = (
        "copies",
        "decided_at",
        "origin",
        "piece",
        "seen_at",
        "source",
        "topic",
        "verdict",
    )

    def __init__(
        self, topic: str, source: NodeId, origin: bytes | None, piece: bytes, now: float
    ) -> None:
        self.topic = topic
        self.source = source
        self.origin = origin
        self.piece = piece
        self.seen_at = now
        self.decided_at = now
        self.verdict: Verdict | None = None
        self.copies: dict[NodeId, None] | None = None

    def copied_by(self, node: NodeId) -> bool:
        """Note a copy; whether it is the first one of `node`, who is not the source."""
        if node == self.source:
            return False
        if self.copies is None:
            self.copies = {}
        if node in self.copies:
            return False
        self.copies[node] = None
        return True

    def decide(self, verdict: Verdict, now: float) -> None:
        """Validation ended; the octets are the cache's matter now."""
        self.verdict = verdict
        self.decided_at = now
        self.piece = b""


class Seen:
    """Sightings in the order of arrival, at most `maximum`, none older than `ttl_s`."""

    __slots__ = ("_entries", "_maximum", "_ttl_s", "undecided")

    def __init__(self, ttl_s: float, maximum: int) -> None:
        self._entries: dict[bytes, Sighting] = {}
        self._maximum = maximum
        self._ttl_s = ttl_s
        self.undecided = 0
        """Messages whose verdict is awaited."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, message_id: bytes, now: float) -> Sighting | None:
        """What is known of an id, None when it is new (again)."""
        found = self._entries.get(message_id)
        if found is None or now - found.seen_at < self._ttl_s:
            return found
        self._remove(message_id)
        return None

    def add(self, message_id: bytes, sighting: Sighting) -> None:
        """Enter a new id; the oldest ones go when their time is over or room short."""
        now, entries = sighting.seen_at, self._entries
        while entries:
            oldest = next(iter(entries))
            old = now - entries[oldest].seen_at >= self._ttl_s
            if not old and len(entries) < self._maximum:
                break
            self._remove(oldest)
        entries[message_id] = sighting
        self.undecided += 1

    def decide(self, sighting: Sighting, verdict: Verdict, now: float) -> None:
        """The owner spoke."""
        sighting.decide(verdict, now)
        self.undecided -= 1

    def _remove(self, message_id: bytes) -> None:
        if self._entries.pop(message_id).verdict is None:
            self.undecided -= 1
