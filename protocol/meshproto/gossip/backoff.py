"""Who must not be grafted for a while (RFC 0008 section 5.2).

After a PRUNE, ours or theirs, neither side grafts the other until the back-off is over.
Entries outlive the link: reconnecting must not be a way round.  They go away when they
are looked at after their time, or when the table is full, the oldest first.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.ids import NodeId


@dataclass(frozen=True, slots=True)
class Backoff:
    """From the last PRUNE, `since`, until `until`; both in seconds of `now`."""

    since: float
    until: float


class Backoffs:
    """At most one back-off per neighbour and topic."""

    __slots__ = ("_entries", "_maximum")

    def __init__(self, maximum: int) -> None:
        self._entries: dict[tuple[NodeId, str], Backoff] = {}
        self._maximum = maximum

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, node: NodeId, topic: str, seconds: float, now: float) -> None:
        """Start a back-off, or start it again; it never ends earlier than before."""
        key, until = (node, topic), now + seconds
        old = self._entries.pop(key, None)
        if old is not None and old.until > until:
            until = old.until
        elif len(self._entries) >= self._maximum:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = Backoff(now, until)

    def of(self, node: NodeId, topic: str, now: float) -> Backoff | None:
        """The back-off that is running, if one is."""
        found = self._entries.get((node, topic))
        return found if found is not None and found.until > now else None

    def blocks(self, node: NodeId, topic: str, now: float, slack_s: float) -> bool:
        """Whether *we* must not graft: `slack_s` longer than they must not, so that
        clocks and paths of different speed never make us the early one.
        """
        found = self._entries.get((node, topic))
        if found is None:
            return False
        if found.until + slack_s > now:
            return True
        del self._entries[node, topic]
        return False
