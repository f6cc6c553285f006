"""Links beyond our room, from both ends: who is a guest, and who may stay after all.

A full node still takes a link for a question or two and says so (`Guest`).  Where
capable nodes are few, those who came first hold all places, six each, and whoever comes
late has none: it is cut off though every place is there.  So a guest without any other
link to a capable node says that (`Alone`), and the host makes one of its thin
neighbours a guest instead - which, if it is alone itself, says so in its turn and is
kept (RFC 0007 section 6.1).
"""

from __future__ import annotations

from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from meshproto.overlay.book import Entry
from meshproto.overlay.events import LinkAdopted
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.state import State, Task
from meshproto.wire.control.overlay import Alone, Guest, Stay
from meshproto.wire.control.peer import PeerRecord


class Guests:
    """Who is a guest here, and where this node is one."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def has_room(self, peer: PeerRecord | None) -> bool:
        """Whether one more lasting link, to `peer`, has a place."""
        state, config = self._state, self._state.config
        if state.links.lasting >= state.room():
            return False
        if peer is None or not state.capable or state.capacity.capable(peer):
            return True
        # why: links between capable nodes carry the graph, thin ones only hang on it
        thin = sum(link.lasting and not _capable(link) for link in state.links)
        return thin < config.links_accept - config.links_floor

    def receive(self, link: Link, now: float) -> None:
        """A new link has no place: its end is told, and comes soon."""
        link.guest = True
        self._tell(link, now)

    def hosted(self, link: Link, now: float, stay_s: float) -> None:
        """The neighbour has no room and will close this link."""
        state = self._state
        if not link.outbound or not link.lasting:
            return
        if link.entry is not None:
            link.entry.hosted += 1
            link.entry.retry_at = now + self._full_s(link.entry)
        state.links.change(link, link.kind, guest=True)
        link.ends_at = now + stay_s
        self.look(link.ends_at)
        if not any(link.lasting and _capable(link) for link in state.links):
            state.outbox.send(link.node, Alone())

    def alone(self, link: Link, now: float) -> None:
        """A guest has no other link: it may have the place of one that has."""
        state, config = self._state, self._state.config
        if link.outbound or not state.capable:
            state.refuse(link.node, "overlay-record")
            return
        again = _lately_alone(link, now, config.full_s)
        link.alone_at = now
        of_tree = link.kind is Kind.TREE
        quota = state.links.refusal(link.keys, Purpose.OVERLAY) if of_tree else None
        if again or quota is not None:
            return
        if not link.lasting:
            if not self._make_place(link, now):
                return
            state.links.change(link, Kind.INBOUND)
        if of_tree:
            state.tell(LinkAdopted(link.node, link.outbound))
        state.outbox.send(link.node, Stay())

    def stays(self, link: Link) -> None:
        """The host found a place for us."""
        if not link.outbound or not link.guest:
            return
        if link.entry is not None:
            link.entry.hosted = 0
        self._state.links.change(link, link.kind)

    def look(self, at: float) -> None:
        """Look after guests at `at` or sooner."""
        timers = self._state.timers
        waiting = timers.at(Task.GUESTS)
        if waiting is None or at < waiting:
            timers.set(Task.GUESTS, at)

    def _make_place(self, link: Link, now: float) -> bool:
        state, config = self._state, self._state.config
        peer = None if link.entry is None else link.entry.peer
        if self.has_room(peer):
            return True
        others = [
            other.node
            for other in state.links
            if other.lasting and not other.outbound and not _capable(other)
            if not _lately_alone(other, now, config.full_max_s)
        ]
        if others:
            self._send_away(state.chance.choice(others), now)
            return True
        # why: whoever was sent away and is alone comes back beside the one that took
        # its place; there are few of them
        return state.links.lasting < state.room() + config.links_over

    def _send_away(self, node: NodeId, now: float) -> None:
        link = self._state.links.get(node)
        assert link is not None
        self._state.links.change(link, link.kind, guest=True)
        self._tell(link, now)

    def _tell(self, link: Link, now: float) -> None:
        stay_s = self._state.config.guest_stay_s
        link.ends_at = now + stay_s
        self._state.outbox.send(link.node, Guest(stay_s))
        self.look(now + stay_s)

    def _full_s(self, entry: Entry) -> float:
        """How long a full host is left alone: longer each time in a row."""
        config = self._state.config
        return min(config.full_s * 2.0 ** min(entry.hosted - 1, 8), config.full_max_s)


def _capable(link: Link) -> bool:
    return link.entry is not None and link.entry.capable


def _lately_alone(link: Link, now: float, within_s: float) -> bool:
    return link.alone_at is not None and now - link.alone_at < within_s
