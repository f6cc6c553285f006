"""The links there are, their deadlines, and how they end (RFC 0005 section 7).

One place keeps the two tables, the timers, the links that have something to say and
the changes that the owner takes, so that a link leaves all of them at once.  A link may
end in the middle of an input; whoever still holds its `Neighbour` asks `gone`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshproto.events import Event, Refused
from meshproto.ids import LinkId, NodeId
from meshproto.link import events
from meshproto.link.greeting import Signal, step
from meshproto.link.neighbour import Neighbour
from meshproto.link.quality import NEVER
from meshproto.outputs import HangUp, Outbox, Transmit
from meshproto.timers import Timers
from meshproto.wire.control.link import REASON_OCTETS_MAX, Goodbye

_LABEL = re.compile(r"[a-z-]+")


class Registry:
    """Neighbours by link and by node."""

    __slots__ = ("_changes", "_dirty", "_outbox", "_timers", "links", "nodes")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.links: dict[LinkId, Neighbour] = {}
        self.nodes: dict[NodeId, Neighbour] = {}
        self._timers: Timers[LinkId] = Timers()
        self._dirty: dict[LinkId, Neighbour] = {}
        self._changes: list[events.Change] = []

    def add(self, peer: Neighbour) -> None:
        """Enter a new link; its node has no other."""
        self.links[peer.link] = self.nodes[peer.node] = peer

    def mark(self, peer: Neighbour) -> None:
        """The link may have something to send, or another deadline."""
        self._dirty[peer.link] = peer

    def put(self, output: Event | HangUp) -> None:
        """Append an output."""
        self._outbox.put(output)

    def tell(self, change: events.Change) -> None:
        """Append a change for the owner."""
        self._changes.append(change)

    @property
    def changed(self) -> bool:
        """Whether there is a change to take."""
        return bool(self._changes)

    def take_changes(self) -> list[events.Change]:
        """The changes since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes

    @property
    def idle(self) -> bool:
        """Whether no link has anything queued, under way or owed."""
        return not self._dirty and all(p.channel.idle for p in self.links.values())

    # --- deadlines

    def next_timeout(self) -> float | None:
        """The next deadline of any link."""
        return self._timers.next()

    def due(self, now: float) -> Iterator[Neighbour]:
        """Links whose deadline has come, marked."""
        for link in self._timers.due(now):
            peer = self.links[link]
            self._dirty[link] = peer
            yield peer

    def arm(self, peer: Neighbour) -> None:
        """Wait for the next deadline of `peer`, if it has one."""
        due_at = peer.due_at()
        if due_at == NEVER:
            self._timers.cancel(peer.link)
        elif self._timers.at(peer.link) != due_at:
            self._timers.set(peer.link, due_at)

    # --- frames

    def transmit(self, peer: Neighbour, now: float) -> None:
        """Put out what the link may send now."""
        for frame in peer.channel.flush(now):
            self._outbox.put(Transmit(peer.link, frame))

    def flush(self, now: float) -> None:
        """The same for all that are marked."""
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, {}
        for peer in dirty.values():
            self.transmit(peer, now)
            self.arm(peer)

    # --- ends

    def punish(self, peer: Neighbour, reason: str, now: float) -> None:
        """Refuse something of the neighbour; one time too many ends the link."""
        self._outbox.put(Refused(peer.node, reason))
        if not peer.gone and not peer.penalties.take(now):
            self.end(peer, "protocol")

    def end(self, peer: Neighbour, reason: str) -> None:
        """Say goodbye once, forget the link and have the driver hang up."""
        if peer.gone:
            return
        self.remove(peer, reason)
        frame = peer.channel.farewell(Goodbye(reason[:REASON_OCTETS_MAX]))
        self._outbox.put(Transmit(peer.link, frame))
        self._outbox.put(HangUp(peer.node, reason))

    def part(self, peer: Neighbour, goodbye: Goodbye) -> None:
        """The neighbour said goodbye."""
        theirs = goodbye.reason if _LABEL.fullmatch(goodbye.reason) else "other"
        self.remove(peer, "goodbye", theirs)
        self._outbox.put(HangUp(peer.node, "goodbye"))

    def remove(self, peer: Neighbour, reason: str, theirs: str = "") -> None:
        """Forget a link that is not gone yet, and tell."""
        lost = events.LinkLost if peer.ready else events.LinkFailed
        self._changes.append(lost(peer.node, reason, theirs))
        peer.state = step(peer.state, Signal.END)
        del self.links[peer.link]
        del self.nodes[peer.node]
        self._dirty.pop(peer.link, None)
        self._timers.cancel(peer.link)
