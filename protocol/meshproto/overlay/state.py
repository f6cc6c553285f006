"""What the parts of the overlay share, and what they ask of their surroundings.

The parts (`own`, `exchange`, `neighbourhood`, `exploration`, `healing`) are verbs over
this one state; `Overlay` calls them and owns nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from meshproto.chance import Chance
from meshproto.config.overlay import OverlayConfig
from meshproto.events import Refused
from meshproto.ids import NodeId
from meshproto.outputs import Outbox
from meshproto.overlay.book import Book, Entry
from meshproto.overlay.capacity import Capacity
from meshproto.overlay.coordinates import Coordinates
from meshproto.overlay.events import Change
from meshproto.overlay.links import Link, Links
from meshproto.timers import Timers
from meshproto.wire.control.peer import PeerRecord

CHANGES_MAX = 4096

Sign = Callable[[bytes], bytes]
Verify = Callable[[NodeId, bytes, bytes], bool]
"""(node, data, signature): whether `node` signed `data`."""


class Surroundings(Protocol):
    """What the overlay asks of the rest of the node."""

    def rtt_s(self, node: NodeId) -> float:
        """The smoothed round trip of a linked neighbour."""
        ...

    def carries_tree(self, node: NodeId) -> bool:
        """Whether a tree or standby uses the link to `node`."""
        ...


class Task(Enum):
    """What the overlay waits for."""

    ANNOUNCE = "announce"
    EXPLORE = "explore"
    SEARCH_END = "search-end"
    SHUFFLE = "shuffle"
    CONFIRM = "confirm"
    REDIAL = "redial"
    HEAL = "heal"
    GUESTS = "guests"


@dataclass(slots=True)
class State:
    """One overlay's memory; see the parts for who changes what."""

    me: NodeId
    config: OverlayConfig
    outbox: Outbox
    chance: Chance
    surroundings: Surroundings
    timers: Timers[Task]
    book: Book
    links: Links
    capacity: Capacity
    coordinates: Coordinates
    changes: list[Change]
    capable: bool = False
    breathless: bool = False
    """Whether this node is too busy to answer at once: the round trips that it measures
    are its own delays."""
    started_at: float | None = None
    _token: int = 0

    def token(self) -> int:
        """A fresh token: even, because odd ones are the distribution's probes."""
        self._token = (self._token + 2) % 2**32
        return self._token

    def refuse(self, neighbour: NodeId | None, reason: str) -> None:
        """Tell that remote input had no effect."""
        self.outbox.put(Refused(neighbour, reason))

    def tell(self, change: Change) -> None:
        """Keep a change for the owner, who takes them after each input."""
        if len(self.changes) < CHANGES_MAX:
            self.changes.append(change)

    def target(self) -> int:
        """How many capable neighbours this node wants."""
        config = self.config
        return config.links_target if self.capable else config.thin_links

    def room(self) -> int:
        """How many lasting links it holds at most."""
        config = self.config
        return config.links_accept if self.capable else config.thin_accept

    def rtt_of(self, entry: Entry) -> float:
        """Measured or predicted round trip, infinite when neither is known."""
        if entry.peer.node in self.links:
            return self.surroundings.rtt_s(entry.peer.node)
        if entry.rtt_s is not None:
            return entry.rtt_s
        return self.predicted(entry.peer)

    def predicted(self, peer: PeerRecord) -> float:
        """The round trip by coordinates, infinite without one."""
        found = self.coordinates.predict_s(peer.coordinate)
        return math.inf if found is None else found

    def few_capable(self) -> bool:
        """Whether so few capable peers are known that anybody will do."""
        return self.book.capable < self.config.capable_few

    def graph(self) -> list[tuple[float, Link]]:
        """(round trip, link) of the links that count, nearest first."""
        rtt_s = self.surroundings.rtt_s
        few = self.few_capable()
        found = [
            (rtt_s(link.node), link)
            for link in self.links
            if link.lasting and (few or (link.entry is not None and link.entry.capable))
        ]
        found.sort(key=_first)
        return found


def _first(item: tuple[float, Link]) -> float:
    return item[0]
