"""Where is the stream? The directory of all streams of the mesh (RFC 0009).

Each node holds the whole table.  Origins announce by gossip, neighbours compare tables;
both end in `hear`, where the greatest rank holds, so it does not matter what came first
or twice.  The owner hands gossip deliveries to `deliver` and gives the verdict back to
the router, sends the records, and acts upon `take_changes`.
"""

from __future__ import annotations

from meshproto.chance import Chance
from meshproto.config.directory import DirectoryConfig
from meshproto.errors import DecodeError
from meshproto.gossip.authorship import SEQNO_OCTETS, Sign, Verify
from meshproto.gossip.directory_authors import Authors
from meshproto.gossip.directory_events import Change
from meshproto.gossip.directory_hearing import Outcome, expire, hear
from meshproto.gossip.directory_own import Own
from meshproto.gossip.directory_state import Publish, State, Task
from meshproto.gossip.directory_sync import Sync
from meshproto.gossip.directory_table import Entry, media_of
from meshproto.gossip.seen import Verdict
from meshproto.gossip.state import Delivery
from meshproto.ids import NodeId, StreamId
from meshproto.outputs import Outbox
from meshproto.wire.control.directory import (
    Claim,
    DirectoryRecord,
    Media,
    Notice,
    parse_notices,
)


class Directory:
    """One node's part of the directory; see the essay."""

    __slots__ = ("_authors", "_own", "_state", "_sync")

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: DirectoryConfig,
        outbox: Outbox,
        chance: Chance,
        sign: Sign,
        verify: Verify,
        publish: Publish,
    ) -> None:
        """`publish(data, now)` gossips a message into the directory topic."""
        self._state = State(me, epoch, config, outbox, chance, sign, verify, publish)
        self._own = Own(self._state)
        self._sync = Sync(self._state, self._synced)
        self._authors = Authors(
            config.authors_max,
            config.author_messages_per_s,
            config.author_messages_burst,
        )

    # this node

    def announce(self, claim: Claim, media: Media, now: float) -> StreamId:
        """Say that a stream can be had here, or that its media changed; its id.

        The claim names this node and is signed by its key.  Raises `StateError` for
        another one, or when the stream is claimed elsewhere with a greater counter;
        `LimitError` for too many streams.
        """
        return self._own.announce(claim, media, now)

    def unannounce(self, stream: StreamId, now: float) -> None:
        """Say that a stream has ended; unknown ones are fine."""
        self._own.unannounce(stream, now)

    def leaving(self, now: float) -> None:
        """Say at once that all streams announced here have ended."""
        self._own.end_all(now)

    def wall(self, wall_ms: int, now: float) -> None:
        """The wall clock, from time to time: epochs and claims are judged by it."""
        self._state.wall_ahead_s = wall_ms / 1000 - now

    # what is known

    def resolve(self, stream: StreamId) -> NodeId | None:
        """The node where a stream can be had, None if nobody has it."""
        entry = self._state.table.live(stream)
        return None if entry is None else entry.claim.origin

    def claim(self, stream: StreamId) -> Claim | None:
        """The claim that holds, also of a stream that has ended: whoever claims the
        stream anew needs a greater counter.
        """
        entry = self._state.table.get(stream)
        return None if entry is None else entry.claim

    def media(self, stream: StreamId) -> Media | None:
        """The tracks of a stream, None if nobody has it."""
        entry = self._state.table.live(stream)
        return None if entry is None else media_of(entry)

    def find(self, name: str) -> list[StreamId]:
        """The streams of that name, by all who claim it."""
        return self._state.table.named(name)

    def streams(self) -> list[StreamId]:
        """All streams that can be had."""
        table = self._state.table
        return [stream for stream in table if table.live(stream) is not None]

    def entry(self, stream: StreamId) -> Entry | None:
        """What is held of a stream, for status pages and checkers."""
        return self._state.table.get(stream)

    def digest(self) -> bytes:
        """Eight octets that are equal where tables are."""
        return self._state.table.sums(1)

    def interval_s(self) -> float:
        """How often an origin tells its streams again, at the present size."""
        return self._own.interval_s()

    # neighbours

    def neighbour_up(self, node: NodeId, outbound: bool, now: float) -> None:
        """A link is ready; the end that dialled begins to compare tables."""
        self._sync.up(node, outbound, now)

    def neighbour_down(self, node: NodeId, now: float) -> None:
        """The link is gone; unknown ones are fine."""
        del now
        self._sync.down(node)

    def receive(self, node: NodeId, record: DirectoryRecord, now: float) -> None:
        """A record of kinds 32-47 from a neighbour; wrong ones become `Refused`."""
        self._sync.receive(node, record, now)

    def deliver(self, delivery: Delivery, now: float) -> Verdict:
        """A message of the topic: what the router shall do with it."""
        state, author = self._state, delivery.origin
        number = int.from_bytes(delivery.message_id[-SEQNO_OCTETS:], "big")
        fresh = self._authors.admit(author, number, now)
        if fresh is None:
            state.refuse(author, "directory-flood")
            return Verdict.IGNORE
        try:
            notices = parse_notices(delivery.data)
        except DecodeError as error:
            state.refuse(author, error.reason)
            return Verdict.REJECT
        verdict = Verdict.IGNORE
        for notice in notices:
            outcome, stream, entry = hear(state, notice, None, author, now)
            if outcome is Outcome.WRONG:
                return Verdict.REJECT
            if entry is not None and outcome is Outcome.NEWER:
                self._own.heard(stream, entry, now)
                verdict = Verdict.ACCEPT
            elif outcome is Outcome.CURRENT and fresh:
                # why accept: it was learned from a table first; others wait for it
                verdict = Verdict.ACCEPT
        return verdict

    def _synced(self, notice: Notice, rest_s: int, node: NodeId, now: float) -> Outcome:
        outcome, stream, entry = hear(self._state, notice, rest_s, node, now)
        if outcome is Outcome.NEWER and entry is not None:
            self._own.heard(stream, entry, now)
        return outcome

    def take_changes(self) -> list[Change]:
        """Take what changed since the last time, oldest first."""
        taken, self._state.changes = self._state.changes, []
        return taken

    # time

    def next_timeout(self) -> float | None:
        """The next deadline."""
        return self._state.timers.next()

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        for task, stream in self._state.timers.due(now):
            match task:
                case Task.EXPIRY:
                    expire(self._state, stream)
                case Task.LEFTOVER:
                    self._own.leftover(stream, now)
                case Task.FLUSH:
                    self._own.flush(now)
                case Task.REFRESH:
                    self._own.refresh(now)
                case Task.SYNC:
                    self._sync.due(now)
                case Task.SYNC_NEW:
                    self._sync.again(now)
