"""Recent messages, for IHAVE and IWANT (GossipSub's message cache).

Windows of one heartbeat each: the newest few are announced, all are answered.  An entry
keeps its message as the encoded piece of an RPC that every receiver shares.
"""

from __future__ import annotations

from collections import deque

from meshproto.ids import NodeId

_OVERHEAD_OCTETS = 512
"""What an entry costs besides its piece, roughly."""


class Entry:
    """A message: its topic, its piece, and how often each neighbour asked for it."""

    __slots__ = ("asked", "piece", "topic")

    def __init__(self, topic: str, piece: bytes) -> None:
        self.topic = topic
        self.piece = piece
        self.asked: dict[NodeId, int] | None = None


class MessageCache:
    """Messages of the last `length` heartbeats, at most `octets_max` of them all."""

    __slots__ = ("_entries", "_gossip", "_octets", "_octets_max", "_windows")

    def __init__(self, length: int, gossip: int, octets_max: int) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._windows: deque[list[bytes]] = deque([[] for _ in range(length)])
        self._gossip = gossip
        self._octets = 0
        self._octets_max = octets_max

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, message_id: bytes, topic: str, piece: bytes) -> None:
        """Keep a message, from now on for `length` shifts, if there is room."""
        octets = self._octets + len(piece) + _OVERHEAD_OCTETS
        if message_id in self._entries or octets > self._octets_max:
            return
        self._entries[message_id] = Entry(topic, piece)
        self._windows[0].append(message_id)
        self._octets = octets

    def ask(self, message_id: bytes, node: NodeId) -> tuple[bytes, int] | None:
        """The piece of a message and how often `node` asked, this time included."""
        entry = self._entries.get(message_id)
        if entry is None:
            return None
        if entry.asked is None:
            entry.asked = {}
        times = entry.asked[node] = entry.asked.get(node, 0) + 1
        return entry.piece, times

    def recent(self) -> dict[str, list[bytes]]:
        """The ids to announce, by topic."""
        found: dict[str, list[bytes]] = {}
        for index in range(self._gossip):
            for message_id in self._windows[index]:
                topic = self._entries[message_id].topic
                found.setdefault(topic, []).append(message_id)
        return found

    def shift(self) -> None:
        """A heartbeat passed: forget the oldest window."""
        for message_id in self._windows.pop():
            entry = self._entries.pop(message_id)
            self._octets -= len(entry.piece) + _OVERHEAD_OCTETS
        self._windows.appendleft([])
