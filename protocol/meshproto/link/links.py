"""All links of a node in one machine (RFC 0005 sections 5 and 6).

The owner calls one verb per input, then `flush` once, then takes the changes.  A link
takes part in the timers only while something is owed or under way, it is greeting, or
its checks fail; an idle one costs nothing.  Verbs that name a neighbour without a link
have no effect: a link may end in the middle of an input, before anybody was told.
"""

from __future__ import annotations

from meshproto.chance import Chance
from meshproto.config.link import LinkConfig
from meshproto.errors import DecodeError, StateError
from meshproto.events import LimitReached, Refused
from meshproto.ids import LinkId, NodeId
from meshproto.link import events
from meshproto.link.greeter import Greeter
from meshproto.link.lane import BROKEN
from meshproto.link.neighbour import Neighbour
from meshproto.link.registry import Registry
from meshproto.outputs import HangUp, Outbox, Pace
from meshproto.wire.control.frame import (
    SEGMENT_OCTETS_MAX,
    VALUE_OCTETS_MAX,
    Frame,
    decode,
)
from meshproto.wire.control.link import (
    Goodbye,
    Heard,
    Hello,
    Introduce,
    Introduced,
    Unreachable,
)
from meshproto.wire.control.schema import Record

OWN_KINDS = 16
"""Kinds below are records of links and never handed on."""

_KINDS_PER_PACKAGE = 4  # a shift: sixteen kinds each
_PACKAGES = 16


class Links:
    """The links of node `me`, which started at `epoch` (ms since 1970)."""

    __slots__ = (
        "_config",
        "_greeter",
        "_links",
        "_me",
        "_nodes",
        "_outbox",
        "_registry",
        "octets",
    )

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: LinkConfig,
        outbox: Outbox,
        chance: Chance,
    ) -> None:
        self._me = me
        self._config = config
        self._outbox = outbox
        self._registry = Registry(outbox)
        self._greeter = Greeter(me, epoch, config, self._registry, chance)
        self._links = self._registry.links
        self._nodes = self._registry.nodes
        self.octets = [0] * _PACKAGES
        """Octets of records sent, by `KIND >> 4`: for metrics and reports."""

    def __len__(self) -> int:
        return len(self._links)

    # --- what the driver tells

    def up(self, link: LinkId, neighbour: NodeId, rtt_s: float, now: float) -> bool:
        """An authenticated association with `neighbour` stands; `rtt_s` 0: unknown.

        Its link becomes `LinkReady` or `LinkFailed`.  An older link of the neighbour is
        replaced (RFC 0005 section 5.1 says which of two survives).  False and `HangUp`
        when there are too many.  Raises `StateError` for a link that is up.
        """
        if link in self._links or neighbour == self._me:
            raise StateError(f"link {link} cannot come up")
        older = self._nodes.get(neighbour)
        if older is not None:
            self._registry.remove(older, "replaced")
        elif len(self._links) >= self._config.links:
            self._outbox.put(LimitReached("links", self._config.links))
            self._outbox.put(HangUp(neighbour, "full"))
            return False
        session = self._greeter.next_session()
        peer = Neighbour(self._config, link, neighbour, rtt_s, session, now)
        self._registry.add(peer)
        self._greeter.hello(peer, now)
        return True

    def down(self, link: LinkId, now: float) -> None:
        """The association ended; unknown links are fine."""
        del now
        peer = self._links.get(link)
        if peer is not None:
            self._registry.remove(peer, "closed")

    def receive(self, link: LinkId, frame: bytes, now: float) -> list[Record]:
        """An authenticated datagram of `link`: the records for other packages, those
        of each lane in order.  What is wrong with it becomes `Refused` events.
        """
        peer = self._links.get(link)
        if peer is None:
            self._outbox.put(Refused(None, "link-unknown"))
            return []
        peer.quality.heard_at = now
        if not peer.frames.take(now):
            # why not acknowledged: the sender then slows down by itself
            self._outbox.put(Refused(peer.node, "link-rate"))
            return []
        try:
            return self._read(peer, decode(frame), now)
        except DecodeError as error:
            self._registry.punish(peer, error.reason, now)
            if error.reason == BROKEN:
                self._registry.end(peer, "protocol")
            return []

    def checked(self, neighbour: NodeId, rtt_s: float | None, now: float) -> None:
        """One check of the path was answered after `rtt_s`, or (None) was not."""
        peer = self._nodes.get(neighbour)
        if peer is None:
            return
        if rtt_s is None:
            peer.quality.missed()
            self._suspect(peer, now)
        else:
            peer.quality.answered(rtt_s, now)
            if peer.quality.suspect:
                peer.quality.suspect = False
                self._tell(peer, events.LinkRecovered(neighbour))
                self._registry.arm(peer)
        if peer.ready and peer.quality.moved():
            self._registry.tell(events.CostMoved(neighbour))

    def heard(self, neighbour: NodeId, now: float) -> None:
        """An authenticated datagram of any kind came: media counts as life."""
        peer = self._nodes.get(neighbour)
        if peer is not None:
            peer.quality.heard_at = now

    # --- what the node tells

    def send(self, neighbour: NodeId, record: Record, now: float) -> bool:
        """Queue a record; it leaves at the next `flush`, or when the window opens.

        False, without effect, where there is no ready link or the record is too large;
        a full queue ends the link.
        """
        del now
        peer = self._nodes.get(neighbour)
        if peer is None or not peer.ready:
            return False
        octets = peer.channel.send(record)
        if not octets:
            limit = VALUE_OCTETS_MAX if record.RELIABLE else SEGMENT_OCTETS_MAX
            self._outbox.put(LimitReached("record_octets", limit))
            return False
        self.octets[(record.KIND >> _KINDS_PER_PACKAGE) % _PACKAGES] += octets
        self._registry.mark(peer)
        if peer.channel.waiting > self._config.queue:
            self._registry.end(peer, "queue")
            return False
        return True

    def pace(self, neighbour: NodeId, tree: bool, now: float) -> None:
        """The link begins or ceases to carry or back up a tree; new links do not."""
        peer = self._nodes.get(neighbour)
        if peer is None or peer.tree == tree:
            return
        peer.tree = tree
        self._outbox.put(Pace(neighbour, tree))
        self._judge(peer, now)

    def introduce(
        self, through: NodeId, target: NodeId, descriptor: bytes, now: float
    ) -> bool:
        """Have `through` pass a sealed descriptor on; False where it has no link."""
        return self.send(through, Introduce(target, descriptor), now)

    def close(self, neighbour: NodeId, reason: str, now: float) -> None:
        """Send what is queued, say goodbye and hang up."""
        peer = self._nodes.get(neighbour)
        if peer is not None:
            self._registry.transmit(peer, now)
            self._registry.end(peer, reason)

    def punish(self, neighbour: NodeId, reason: str, now: float) -> None:
        """Refuse a record of `neighbour`; too many such end its link."""
        peer = self._nodes.get(neighbour)
        if peer is None:
            self._outbox.put(Refused(neighbour, reason))
        else:
            self._registry.punish(peer, reason, now)

    def flush(self, now: float) -> None:
        """Turn what is queued into `Transmit` outputs: once after each input."""
        self._registry.flush(now)

    # --- time

    def next_timeout(self) -> float | None:
        """The next deadline, None when there is none."""
        return self._registry.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Repeat, acknowledge, greet again or give up, as is due."""
        for peer in self._registry.due(now):
            channel = peer.channel
            if channel.ack_at <= now:
                channel.ack_now = True
            if channel.resend_at <= now and not channel.expire(now):
                self._registry.end(peer, "unacknowledged")
            elif peer.hello_at <= now:
                self._greeter.again(peer, now)
            elif peer.quality.down_at(peer.tree) <= now:
                self._registry.end(peer, "silent")

    # --- questions

    def neighbour_of(self, link: LinkId) -> NodeId:
        """The node at the other end of a link that is up; `KeyError` if it is not."""
        return self._links[link].node

    def neighbours(self) -> list[NodeId]:
        """Nodes with a ready link, the oldest first."""
        return [node for node, peer in self._nodes.items() if peer.ready]

    def up_with(self, node: NodeId) -> bool:
        """Whether there is a link to `node`, ready or not."""
        return node in self._nodes

    def linked(self, node: NodeId) -> bool:
        """Whether `node` has a ready link."""
        peer = self._nodes.get(node)
        return peer is not None and peer.ready

    def waiting(self, node: NodeId) -> int:
        """Segments of the fuller lane to `node` that never left."""
        peer = self._nodes.get(node)
        return 0 if peer is None else peer.channel.waiting

    def rtt_s(self, node: NodeId) -> float | None:
        """Smoothed round trip, None without a link."""
        peer = self._nodes.get(node)
        return None if peer is None else peer.quality.rtt_s

    def jitter_s(self, node: NodeId) -> float:
        """Mean deviation of the round trip, 0 without a link."""
        peer = self._nodes.get(node)
        return 0.0 if peer is None else peer.quality.jitter_s

    def loss(self, node: NodeId) -> float:
        """Smoothed share of checks that were not answered, 1 without a link."""
        peer = self._nodes.get(node)
        return 1.0 if peer is None else peer.quality.loss

    def told_loss(self, node: NodeId) -> float:
        """The loss that `CostMoved` told last, 1 without a link: costs follow this."""
        peer = self._nodes.get(node)
        return 1.0 if peer is None else peer.quality.told_loss

    def suspect(self, node: NodeId) -> bool:
        """Whether the last two checks failed, or there is no link."""
        peer = self._nodes.get(node)
        return peer is None or peer.quality.suspect

    def idle(self) -> bool:
        """Whether no link has anything queued, under way or owed."""
        return self._registry.idle

    @property
    def changed(self) -> bool:
        """Whether `take_changes` would give something."""
        return self._registry.changed

    def take_changes(self) -> list[events.Change]:
        """What happened since the last call, in order."""
        return self._registry.take_changes()

    # --- records

    def _read(self, peer: Neighbour, frame: Frame, now: float) -> list[Record]:
        if not self._greeter.admit(peer, frame, now):
            return []
        if frame.version != peer.channel.version:
            raise DecodeError("frame-version")
        faults: list[str] = []
        records = peer.channel.receive(frame, now, faults)
        self._registry.mark(peer)
        for reason in faults:
            self._registry.punish(peer, reason, now)
        kept = [r for r in records if r.KIND >= OWN_KINDS or self._own(peer, r, now)]
        # why: one mistake too many or a goodbye, and nobody knows the sender any more
        return [] if peer.gone else kept

    def _own(self, peer: Neighbour, record: Record, now: float) -> bool:
        """Consume a record of links; always False, for it is not handed on."""
        if peer.gone:
            return False
        match record:
            case Hello():
                self._greeter.greeted(peer, record, proof=True, now=now)
            case Heard():
                self._timed(peer, record, now)
            case Goodbye():
                self._registry.part(peer, record)
            case Introduce():
                self._introduce(peer, record, now)
            case Introduced():
                self._registry.tell(
                    events.DescriptorArrived(
                        record.source, peer.node, record.descriptor
                    )
                )
            case Unreachable():
                self._registry.tell(events.IntroductionFailed(record.target, peer.node))
        return False

    def _timed(self, peer: Neighbour, heard: Heard, now: float) -> None:
        rtt_s = now - heard.sent_s - heard.held_s
        if heard.session == peer.channel.session and rtt_s >= 0.0:
            peer.quality.greeted(rtt_s)

    def _introduce(self, peer: Neighbour, asked: Introduce, now: float) -> None:
        target = asked.target
        passed = (
            target != peer.node
            and peer.may_introduce(now)
            and self.send(target, Introduced(peer.node, asked.descriptor), now)
        )
        if not passed:
            self.send(peer.node, Unreachable(target), now)

    # --- liveness

    def _suspect(self, peer: Neighbour, now: float) -> None:
        quality = peer.quality
        if not quality.suspect and quality.unanswered >= self._config.suspect_checks:
            quality.suspect = True
            self._tell(peer, events.LinkSuspected(peer.node))
        self._judge(peer, now)

    def _judge(self, peer: Neighbour, now: float) -> None:
        if peer.quality.down_at(peer.tree) <= now:
            self._registry.end(peer, "silent")
        else:
            self._registry.arm(peer)

    def _tell(self, peer: Neighbour, change: events.Change) -> None:
        if peer.ready:
            self._registry.tell(change)
