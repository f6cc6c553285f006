"""What a layer sent lately, by extended sequence number.

One store serves three uses: duplicates are found in it, NACKs of every consumer are
answered from it, and a new consumer replays from the last key frame in it.  It keeps
what is younger than `history_s` and among the last `history_packets`, and everything
since the key frame that `pin` names, as far as `history_bytes` and `cache_packets` go
(RFC 0003 section 5).  When the pinned part alone is larger than that, it is let go:
nobody can start from half a group of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.packet import Packet

_REORDER = 32
"""How far before the very first packet an older one may still come."""


class History:
    """Packets by number; `floor` is the lowest number that may still be there.

    A number below `floor` is too old to be told from a duplicate and counts as one.
    """

    __slots__ = ("_began", "_config", "_packets", "floor", "head", "pin", "size")

    def __init__(self, config: ForwardingConfig) -> None:
        self._config = config
        self._packets: dict[int, Packet] = {}
        self.floor = 0
        self._began = 0
        self.head = -1
        self.pin: int | None = None
        self.size = 0

    def __len__(self) -> int:
        return len(self._packets)

    def __contains__(self, number: int) -> bool:
        return number in self._packets or number < self.floor

    def get(self, number: int) -> Packet | None:
        """The packet, while it is kept."""
        return self._packets.get(number)

    def add(self, packet: Packet) -> None:
        """Keep a packet that `not in` the history; old ones go."""
        number = packet.number
        if not self._packets:
            # why never down: what was sent under a number must not change
            self.floor = max(self.floor, number - _REORDER)
            self._began = number
        self._packets[number] = packet
        self.head = max(self.head, number)
        self.size += packet.size
        self._evict(packet.arrival)

    def padded(self, octets: int) -> None:
        """Packets that are kept grew by `octets`."""
        self.size += octets

    def clear(self) -> None:
        """Forget everything (the source started anew)."""
        self._packets.clear()
        self.floor = self.head + 1
        self.pin = None
        self.size = 0

    def seat(self, head: int) -> None:
        """Nothing up to number `head` is to come again; for an empty history."""
        self.head = max(self.head, head)
        self.floor = max(self.floor, self.head + 1)

    def skip(self, number: int) -> None:
        """Go on with `number`, far ahead: nothing before it is waited for."""
        self.clear()
        self.floor = max(self.floor, number - _REORDER)
        self.head = max(self.head, number - 1)

    def later(self, order: int) -> list[Packet]:
        """What is kept and stands at `order` of its stream or behind it."""
        return [packet for packet in self._packets.values() if packet.order >= order]

    def span(self, first: int, last: int) -> Iterator[Packet]:
        """The packets that are there from `first` to `last`, in order."""
        for number in range(max(first, self.floor), min(last, self.head) + 1):
            packet = self._packets.get(number)
            if packet is not None:
                yield packet

    @property
    def _crowded(self) -> bool:
        """Whether more is kept than may be, of octets or of packets without any."""
        config = self._config
        many = len(self._packets) > config.cache_packets
        return many or self.size > config.history_bytes

    def oldest(self, first: int) -> int | None:
        """The lowest number from `first` on that is kept: one batch may be more than
        there is room for.
        """
        return next((packet.number for packet in self.span(first, self.head)), None)

    def _evict(self, now: float) -> None:
        config = self._config
        if self.head < self._began + _REORDER and not self._crowded:
            return
        oldest = now - config.history_s
        last = self.head - config.history_packets
        while self.floor < self.head:
            packet = self._packets.get(self.floor)
            if packet is not None:
                pinned = self.pin is not None and self.floor >= self.pin
                young = packet.arrival >= oldest and self.floor > last
                if (pinned or young) and not self._crowded:
                    return
                del self._packets[self.floor]
                self.size -= packet.size
                if pinned:
                    self.pin = None
            self.floor += 1
