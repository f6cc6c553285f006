"""Anti-entropy: two neighbours compare their tables (RFC 0009 section 6).

    A: Digest of A's buckets -> B: Summary of buckets that differ
    A: Notices that B lacks, WantNotices that A lacks -> B: Notices

Gossip is quick and forgets; this is slow and does not.  It is what heals partitions and
teaches newcomers.  Nobody keeps state about a comparison under way, so that nothing has
to be timed out; what does not fit an allowance is left for the next comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never

from meshproto.bucket import Bucket as Allowance  # the wire's buckets are others
from meshproto.gossip.directory_hearing import Outcome
from meshproto.gossip.directory_state import NO_STREAM, State, Task
from meshproto.ids import NodeId, StreamId
from meshproto.wire.control.directory import (
    NOTICES_MAX,
    RANK_OCTETS,
    Bucket,
    Digest,
    DirectoryRecord,
    Held,
    Known,
    Notice,
    Notices,
    Summary,
    WantNotices,
)

Hear = Callable[[Notice, int, NodeId, float], Outcome]
"""Takes a notice with the rest of its lifetime from a neighbour."""

RECORD_OCTETS_MAX = 16_384
"""Of one `Notices`: far below what a lane takes, and small enough to be interrupted."""

_ENTRY_OCTETS = 16 + RANK_OCTETS + 5
_HELD_OCTETS = 12
_WANTS_MAX = 4_096


class _Neighbour:
    __slots__ = ("faults", "heard", "sent")

    def __init__(self, sent: Allowance, heard: Allowance) -> None:
        self.sent = sent
        self.heard = heard
        self.faults = 0


class Sync:
    """Comparisons with all neighbours."""

    __slots__ = (
        "_hear",
        "_hurry_s",
        "_neighbours",
        "_rounds",
        "_state",
        "_turn",
        "_wanted",
        "_young",
    )

    def __init__(self, state: State, hear: Hear) -> None:
        self._state = state
        self._hear = hear
        self._neighbours: dict[NodeId, _Neighbour] = {}
        self._wanted: dict[StreamId, float] = {}
        self._turn: list[NodeId] = []
        self._young: dict[NodeId, float] = {}
        self._rounds = 0
        self._hurry_s = 0.0

    def up(self, node: NodeId, first: bool, now: float) -> None:
        """A link is ready; the end that is `first` begins to compare."""
        config = self._state.config
        self._neighbours[node] = _Neighbour(
            Allowance(config.sync_octets_per_s, config.sync_octets_burst, now),
            Allowance(config.heard_octets_per_s, config.heard_octets_burst, now),
        )
        if (Task.SYNC, NO_STREAM) not in self._state.timers:
            wait_s = config.sync_s * self._state.chance.random()
            self._state.wait(Task.SYNC, now + wait_s)
        if first:
            self._begin(node)
            # why again: what is gossiped before the two are grafted passes them by
            self._young[node] = now + config.sync_new_s
            self._wait_for_young()

    def down(self, node: NodeId) -> None:
        """The link is gone; unknown ones are fine."""
        self._neighbours.pop(node, None)
        self._young.pop(node, None)
        if not self._neighbours:
            self._state.timers.cancel((Task.SYNC, NO_STREAM))

    def due(self, now: float) -> None:
        """Compare with the next neighbour; all have their turn, in random order."""
        state = self._state
        while self._neighbours:
            if not self._turn:
                self._turn = list(self._neighbours)
                state.chance.shuffle(self._turn)
            node = self._turn.pop()
            if node in self._neighbours:
                self._begin(node)
                break
        if self._rounds:
            self._rounds -= 1
            state.wait(Task.SYNC, now + state.spread(self._hurry_s, 0.5))
        elif self._neighbours:
            state.wait(Task.SYNC, now + state.spread(state.config.sync_s, 0.25))

    def again(self, now: float) -> None:
        """Compare with the neighbours of links that were new a moment ago."""
        for node in [n for n, due in self._young.items() if due <= now]:
            del self._young[node]
            self._begin(node)
        self._wait_for_young()

    def _wait_for_young(self) -> None:
        if self._young:
            self._state.wait(Task.SYNC_NEW, min(self._young.values()))
        else:
            self._state.timers.cancel((Task.SYNC_NEW, NO_STREAM))

    def _begin(self, node: NodeId) -> None:
        table = self._state.table
        buckets = table.fineness()
        self._state.outbox.send(node, Digest(buckets, table.sums(buckets)))

    def receive(self, node: NodeId, record: DirectoryRecord, now: float) -> None:
        """A record of kinds 32-47; from strangers it has no effect."""
        neighbour = self._neighbours.get(node)
        if neighbour is None:
            self._state.refuse(node, "directory-stranger")
            return
        if neighbour.faults > self._state.config.faults_max:
            return
        match record:
            case Digest():
                self._summarise(node, neighbour, record, now)
            case Summary():
                self._compare(node, neighbour, record, now)
            case WantNotices(streams):
                self._give(node, neighbour, streams, now)
            case Notices():
                self._take(node, neighbour, record, now)
            case _:
                assert_never(record)

    def _fault(self, node: NodeId, neighbour: _Neighbour, reason: str) -> None:
        neighbour.faults += 1
        self._state.refuse(node, reason)

    def _summarise(
        self, node: NodeId, neighbour: _Neighbour, digest: Digest, now: float
    ) -> None:
        table, room = self._state.table, self._state.config.summary_entries_max
        coarse = digest.buckets
        if len(digest.sums) != 8 * coarse:
            self._fault(node, neighbour, "directory-digest")
            return
        mine = table.sums(coarse)
        if mine == digest.sums:
            return
        fine = max(coarse, table.fineness())
        differing = [
            number
            for number in range(fine)
            if mine[(at := number * coarse // fine * 8) : at + 8]
            != digest.sums[at : at + 8]
        ]
        # why by lot: what does not fit today must fit another time
        start = self._state.chance.randrange(len(differing))
        told: list[Bucket] = []
        for number in differing[start:] + differing[:start]:
            streams = table.bucket(number, fine)
            whole = len(streams) <= room
            if not whole and told:
                break
            chosen = streams if whole else self._state.chance.sample(streams, room)
            told.append(Bucket(number, whole, tuple(map(self._known, chosen))))
            room -= len(chosen)
        octets = sum(len(b.known) for b in told) * _ENTRY_OCTETS + 4 * len(told)
        if neighbour.sent.take(now, octets):
            self._state.outbox.send(node, Summary(fine, tuple(told)))

    def _known(self, stream: StreamId) -> Known:
        entry = self._state.table.get(stream)
        assert entry is not None
        return Known(stream, entry.rank)

    def _compare(
        self, node: NodeId, neighbour: _Neighbour, summary: Summary, now: float
    ) -> None:
        table = self._state.table
        wanted: list[StreamId] = []
        given: list[StreamId] = []
        for bucket in summary.differing:
            if bucket.number >= summary.buckets:
                self._fault(node, neighbour, "directory-bucket")
                return
            theirs: dict[StreamId, None] = {}
            for known in bucket.known:
                theirs[known.stream] = None
                entry = table.get(known.stream)
                if entry is None or entry.rank < known.rank:
                    wanted.append(known.stream)
                elif entry.rank > known.rank:
                    given.append(known.stream)
            if bucket.whole:
                mine = table.bucket(bucket.number, summary.buckets)
                given.extend(stream for stream in mine if stream not in theirs)
        asked = self._unasked(wanted, now)
        if asked:
            self._state.outbox.send(node, WantNotices(asked))
        self._give(node, neighbour, given, now)

    def _unasked(self, wanted: list[StreamId], now: float) -> tuple[StreamId, ...]:
        """Those that no other neighbour was asked for a moment ago."""
        pending = self._wanted
        if len(pending) > _WANTS_MAX:
            pending.clear()
        asked = []
        for stream in wanted[: self._state.config.summary_entries_max]:
            if pending.get(stream, now) <= now:
                pending[stream] = now + self._state.config.want_s
                asked.append(stream)
        return tuple(asked)

    def _give(
        self,
        node: NodeId,
        neighbour: _Neighbour,
        streams: Iterable[StreamId],
        now: float,
    ) -> None:
        """Tell what is held of `streams`, as far as the neighbour's allowance goes."""
        table, box = self._state.table, self._state.outbox
        held: list[Held] = []
        octets = 0
        for stream in streams:
            entry = table.get(stream)
            rest_s = 0 if entry is None else int(entry.expires_at - now)
            if entry is None or rest_s < self._state.config.rest_min_s:
                continue
            size = entry.octets + _HELD_OCTETS
            if not neighbour.sent.take(now, size):
                break
            if len(held) == NOTICES_MAX or octets + size > RECORD_OCTETS_MAX:
                box.send(node, Notices(tuple(held)))
                held, octets = [], 0
            held.append(Held(rest_s, entry.notice))
            octets += size
        if held:
            box.send(node, Notices(tuple(held)))

    def _take(
        self, node: NodeId, neighbour: _Neighbour, record: Notices, now: float
    ) -> None:
        config, learned = self._state.config, 0
        for held in record.held:
            size = len(held.notice.body) + len(held.notice.signature)
            if not neighbour.heard.take(now, size):
                self._state.refuse(node, "directory-sync-flood")
                break
            outcome = self._hear(held.notice, held.rest_s, node, now)
            if outcome is Outcome.NEWER:
                learned += 1
            elif outcome is Outcome.WRONG:
                neighbour.faults += 1
                if neighbour.faults > config.faults_max:
                    break
        if learned:
            self._soon(learned, now)

    def _soon(self, learned: int, now: float) -> None:
        """There may be more, and others may not know either."""
        state, config = self._state, self._state.config
        if learned >= config.sync_many:
            self._hurry_s, self._rounds = config.sync_many_s, config.sync_many_rounds
        elif not self._rounds:
            self._hurry_s, self._rounds = config.sync_few_s, config.sync_few_rounds
        at = now + state.spread(self._hurry_s, 0.5)
        due = state.timers.at((Task.SYNC, NO_STREAM))
        if due is None or at < due:
            state.wait(Task.SYNC, at)
