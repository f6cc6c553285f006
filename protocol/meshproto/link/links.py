"""All links of a node in one machine (RFC 0005 sections 5 and 6).

The owner calls one verb per input, then `flush` once, then takes the changes.  A link
takes part in the timers only while something is owed or under way, it is greeting, or
its checks fail; an idle one costs nothing.  Verbs that name a neighbour without a link
have no effect: a link may end in the middle of an input, before anybody was told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshproto.chance import Chance
from meshproto.config.link import LinkConfig
from meshproto.errors import DecodeError, StateError
from meshproto.events import LimitReached, Refused
from meshproto.ids import LinkId, NodeId
from meshproto.link import events
from meshproto.link.greeting import Signal, State, negotiate, step
from meshproto.link.lane import BROKEN
from meshproto.link.neighbour import Neighbour
from meshproto.link.quality import NEVER
from meshproto.outputs import HangUp, Outbox, Pace, Transmit
from meshproto.timers import Timers
from meshproto.wire.control import schema
from meshproto.wire.control.frame import (
    SEGMENT_OCTETS_MAX,
    VALUE_OCTETS_MAX,
    Frame,
    decode,
)
from meshproto.wire.control.link import (
    REASON_OCTETS_MAX,
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
_PACKAGES = 8
_SESSIONS = 1 << 15
_LABEL = re.compile(r"[a-z-]+")


class Links:
    """The links of node `me`, which started at `epoch` (ms since 1970)."""

    __slots__ = (
        "_changes",
        "_config",
        "_dirty",
        "_epoch",
        "_links",
        "_me",
        "_nodes",
        "_outbox",
        "_session",
        "_timers",
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
        self._epoch = epoch
        self._config = config
        self._outbox = outbox
        # why at random: sessions of two epochs then hardly ever share a number
        self._session = chance.randrange(_SESSIONS)
        self._links: dict[LinkId, Neighbour] = {}
        self._nodes: dict[NodeId, Neighbour] = {}
        self._timers: Timers[LinkId] = Timers()
        self._dirty: dict[LinkId, Neighbour] = {}
        self._changes: list[events.Change] = []
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
            self._remove(older, "replaced")
        elif len(self._links) >= self._config.links:
            self._outbox.put(LimitReached("links", self._config.links))
            self._outbox.put(HangUp(neighbour, "full"))
            return False
        peer = Neighbour(
            self._config, link, neighbour, rtt_s, self._next_session(), now
        )
        self._links[link] = self._nodes[neighbour] = peer
        self._hello(peer, now)
        return True

    def down(self, link: LinkId, now: float) -> None:
        """The association ended; unknown links are fine."""
        del now
        peer = self._links.get(link)
        if peer is not None:
            self._remove(peer, "closed")

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
            self._punish(peer, error.reason, now)
            if error.reason == BROKEN:
                self._end(peer, "protocol")
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
                self._arm(peer)
        if peer.state is State.READY and peer.quality.moved():
            self._changes.append(events.CostMoved(neighbour))

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
        if peer is None or peer.state is not State.READY:
            return False
        octets = peer.channel.send(record)
        if not octets:
            limit = VALUE_OCTETS_MAX if record.RELIABLE else SEGMENT_OCTETS_MAX
            self._outbox.put(LimitReached("record_octets", limit))
            return False
        self.octets[record.KIND >> _KINDS_PER_PACKAGE] += octets
        self._dirty[peer.link] = peer
        if peer.channel.waiting > self._config.queue:
            self._end(peer, "queue")
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
            self._transmit(peer, now)
            self._end(peer, reason)

    def punish(self, neighbour: NodeId, reason: str, now: float) -> None:
        """Refuse a record of `neighbour`; too many such end its link."""
        peer = self._nodes.get(neighbour)
        if peer is None:
            self._outbox.put(Refused(neighbour, reason))
        else:
            self._punish(peer, reason, now)

    def flush(self, now: float) -> None:
        """Turn what is queued into `Transmit` outputs: once after each input."""
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, {}
        for peer in dirty.values():
            self._transmit(peer, now)
            self._arm(peer)

    # --- time

    def next_timeout(self) -> float | None:
        """The next deadline, None when there is none."""
        return self._timers.next()

    def handle_timeout(self, now: float) -> None:
        """Repeat, acknowledge, greet again or give up, as is due."""
        for link in self._timers.due(now):
            peer = self._links[link]
            self._dirty[link] = peer
            channel = peer.channel
            if channel.ack_at <= now:
                channel.ack_now = True
            if channel.resend_at <= now and not channel.expire(now):
                self._end(peer, "unacknowledged")
            elif peer.hello_at <= now:
                self._greet_again(peer, now)
            elif peer.quality.down_at(peer.tree) <= now:
                self._end(peer, "silent")

    # --- questions

    def neighbour_of(self, link: LinkId) -> NodeId:
        """The node at the other end of a link that is up; `KeyError` if it is not."""
        return self._links[link].node

    def neighbours(self) -> Iterator[NodeId]:
        """Nodes with a ready link, the oldest first."""
        for node, peer in self._nodes.items():
            if peer.state is State.READY:
                yield node

    def linked(self, node: NodeId) -> bool:
        """Whether `node` has a ready link."""
        peer = self._nodes.get(node)
        return peer is not None and peer.state is State.READY

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

    def suspect(self, node: NodeId) -> bool:
        """Whether the last two checks failed, or there is no link."""
        peer = self._nodes.get(node)
        return peer is None or peer.quality.suspect

    def idle(self) -> bool:
        """Whether no link has anything queued, under way or owed."""
        return not self._dirty and all(p.channel.idle for p in self._links.values())

    def take_changes(self) -> list[events.Change]:
        """What happened since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes

    # --- greeting

    def _next_session(self) -> int:
        self._session += 1
        return self._session

    def _hello(self, peer: Neighbour, now: float) -> None:
        config = self._config
        hello = Hello(
            config.oldest_version,
            config.newest_version,
            config.capabilities,
            self._me,
            self._epoch,
            peer.channel.session,
            now,
        )
        peer.channel.send(hello)
        peer.hello_at = now + peer.hello_wait_s
        peer.hello_wait_s *= 2.0
        self._dirty[peer.link] = peer

    def _greet_again(self, peer: Neighbour, now: float) -> None:
        if now - peer.began_at >= self._config.greeting_give_up_s:
            self._end(peer, "greeting")
        else:
            self._hello(peer, now)

    def _read(self, peer: Neighbour, frame: Frame, now: float) -> list[Record]:
        if peer.state is not State.READY or not peer.fits(frame):
            known = self._greeting(peer, frame, now)
            if peer.state is State.GONE:
                return []
            if not peer.fits(frame):
                if not known:
                    self._outbox.put(Refused(peer.node, "session-stale"))
                return []
        if peer.state is not State.READY:
            self._ready(peer)
        if frame.version != peer.channel.version:
            raise DecodeError("frame-version")
        faults: list[str] = []
        records = peer.channel.receive(frame, now, faults)
        self._dirty[peer.link] = peer
        for reason in faults:
            self._punish(peer, reason, now)
        if peer.link not in self._links:
            return []  # that was one penalty too many
        return [r for r in records if r.KIND >= OWN_KINDS or self._own(peer, r, now)]

    def _ready(self, peer: Neighbour) -> None:
        peer.state = step(peer.state, Signal.PROOF)
        peer.hello_at = NEVER
        version, capabilities = peer.channel.version, peer.capabilities
        self._changes.append(events.LinkReady(peer.node, version, capabilities))

    def _greeting(self, peer: Neighbour, frame: Frame, now: float) -> bool:
        """Of a frame that may be of other sessions, only a greeting or a farewell means
        something; whether there was one.
        """
        to_us = frame.receiver in {0, peer.channel.session}
        by_it = frame.sender == peer.channel.peer
        for item in frame.loose:
            record = schema.decode(item)
            if isinstance(record, Hello) and record.session == frame.sender:
                self._greeted(peer, record, frame, now)
                return True
            if isinstance(record, Goodbye) and to_us and (by_it or frame.receiver):
                self._parted(peer, record)
                return True
        return False

    def _greeted(
        self, peer: Neighbour, hello: Hello, frame: Frame | None, now: float
    ) -> None:
        life = (hello.epoch, hello.session)
        if life < peer.life:
            self._outbox.put(Refused(peer.node, "hello-stale"))
            return
        if life > peer.life and not self._bind(peer, hello, now):
            return
        if frame is None or not peer.fits(frame):
            peer.channel.send(Heard(hello.session, hello.sent_s, 0.0))
            if frame is not None and peer.state is not State.READY:
                self._hello(peer, now)
        self._dirty[peer.link] = peer

    def _bind(self, peer: Neighbour, hello: Hello, now: float) -> bool:
        version = negotiate(self._config, hello)
        if hello.node != peer.node or version is None:
            peer.channel.peer = hello.session
            self._end(peer, "version" if version is None else "identity")
            return False
        if peer.state is State.READY:
            self._changes.append(events.LinkLost(peer.node, "restarted"))
            peer.greet(self._next_session(), now)
        peer.bind(hello, version)
        peer.state = State.HEARD
        return True

    # --- own records

    def _own(self, peer: Neighbour, record: Record, now: float) -> bool:
        """Consume a record of links; always False, for it is not handed on."""
        match record:
            case Hello():
                self._greeted(peer, record, None, now)
            case Heard():
                self._timed(peer, record, now)
            case Goodbye():
                self._parted(peer, record)
            case Introduce():
                self._introduce(peer, record, now)
            case Introduced():
                self._changes.append(
                    events.DescriptorArrived(
                        record.source, peer.node, record.descriptor
                    )
                )
            case Unreachable():
                self._changes.append(
                    events.IntroductionFailed(record.target, peer.node)
                )
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

    # --- ends

    def _punish(self, peer: Neighbour, reason: str, now: float) -> None:
        self._outbox.put(Refused(peer.node, reason))
        if peer.state is not State.GONE and not peer.penalties.take(now):
            self._end(peer, "protocol")

    def _parted(self, peer: Neighbour, goodbye: Goodbye) -> None:
        theirs = goodbye.reason if _LABEL.fullmatch(goodbye.reason) else "other"
        self._remove(peer, "goodbye", theirs)
        self._outbox.put(HangUp(peer.node, "goodbye"))

    def _end(self, peer: Neighbour, reason: str) -> None:
        """Say goodbye once, forget the link and have the driver hang up."""
        if peer.state is State.GONE:
            return
        self._remove(peer, reason)
        frame = peer.channel.farewell(Goodbye(reason[:REASON_OCTETS_MAX]))
        self._outbox.put(Transmit(peer.link, frame))
        self._outbox.put(HangUp(peer.node, reason))

    def _remove(self, peer: Neighbour, reason: str, theirs: str = "") -> None:
        lost = events.LinkLost if peer.state is State.READY else events.LinkFailed
        self._changes.append(lost(peer.node, reason, theirs))
        peer.state = step(peer.state, Signal.END)
        del self._links[peer.link]
        del self._nodes[peer.node]
        self._dirty.pop(peer.link, None)
        self._timers.cancel(peer.link)

    # --- liveness

    def _suspect(self, peer: Neighbour, now: float) -> None:
        quality = peer.quality
        if not quality.suspect and quality.unanswered >= self._config.suspect_checks:
            quality.suspect = True
            self._tell(peer, events.LinkSuspected(peer.node))
        self._judge(peer, now)

    def _judge(self, peer: Neighbour, now: float) -> None:
        if peer.quality.down_at(peer.tree) <= now:
            self._end(peer, "silent")
        else:
            self._arm(peer)

    def _tell(self, peer: Neighbour, change: events.Change) -> None:
        if peer.state is State.READY:
            self._changes.append(change)

    # --- outputs and deadlines

    def _transmit(self, peer: Neighbour, now: float) -> None:
        for frame in peer.channel.flush(now):
            self._outbox.put(Transmit(peer.link, frame))

    def _arm(self, peer: Neighbour) -> None:
        if peer.state is State.GONE:
            return
        due_at = peer.due_at()
        if due_at == NEVER:
            self._timers.cancel(peer.link)
        elif self._timers.at(peer.link) != due_at:
            self._timers.set(peer.link, due_at)
