"""Who promised a message by IHAVE and has to deliver (RFC 0008 section 5.4).

Of the ids of one IWANT a single one, drawn at random, is watched: the neighbour cannot
know which.  If nobody at all brought that message in time, the promise is broken.
"""

from __future__ import annotations

from collections import deque

from meshproto.ids import NodeId


class Promises:
    """Watched ids, in the order of their deadlines (all wait equally long)."""

    __slots__ = ("_due", "_maximum", "_open")

    def __init__(self, maximum: int) -> None:
        self._open: dict[bytes, dict[NodeId, None]] = {}
        self._due: deque[tuple[float, bytes, NodeId]] = deque()
        self._maximum = maximum

    def __len__(self) -> int:
        return len(self._due)

    def add(self, node: NodeId, message_id: bytes, until: float) -> None:
        """Expect `message_id` before `until`; `node` is to blame otherwise."""
        nodes = self._open.get(message_id)
        if len(self._due) >= self._maximum or (nodes is not None and node in nodes):
            return
        if nodes is None:
            nodes = self._open[message_id] = {}
        nodes[node] = None
        self._due.append((until, message_id, node))

    def kept(self, message_id: bytes) -> None:
        """The message came, whoever brought it."""
        self._open.pop(message_id, None)

    def broken(self, now: float) -> list[NodeId]:
        """Take the neighbours whose time is up, once per promise."""
        blamed = []
        while self._due and self._due[0][0] <= now:
            _, message_id, node = self._due.popleft()
            nodes = self._open.get(message_id)
            if nodes is None or node not in nodes:
                continue
            del nodes[node]
            if not nodes:
                del self._open[message_id]
            blamed.append(node)
        return blamed
