"""What this node says about its own streams (RFC 0009 section 5).

A change is told at once, and so are a few more: somebody who comes to a room is three
streams within a second, and others wait for each.  Who has told a lot waits two seconds
for each further message, with all that gathered meanwhile.  All streams are told again
by one timer, so seldom that the whole network can afford it.
"""

from __future__ import annotations

from math import ceil

from meshproto.errors import LimitError, StateError
from meshproto.gossip.directory_events import ClaimLost
from meshproto.gossip.directory_hearing import hold
from meshproto.gossip.directory_state import NO_STREAM, State, Task
from meshproto.gossip.directory_table import Entry
from meshproto.ids import StreamId
from meshproto.wire.control.directory import (
    LIFETIME_MAX_S,
    MEDIA_OCTETS_MAX,
    NOTICES_MAX,
    Body,
    Claim,
    Media,
    Notice,
    build_body,
    build_media,
    build_notices,
    rank,
)


class _Stream:
    """`media` is empty while the end of a stream waits to be told."""

    __slots__ = ("claim", "lifetime_s", "media", "told")

    def __init__(self, claim: Claim, media: bytes) -> None:
        self.claim = claim
        self.media = media
        self.lifetime_s = 1
        self.told = False


class Own:
    """Streams announced here, and what of them waits to be told."""

    __slots__ = (
        "_dirty",
        "_flushed_at",
        "_full_at",
        "_state",
        "_streams",
        "_version",
    )

    def __init__(self, state: State) -> None:
        self._state = state
        self._streams: dict[StreamId, _Stream] = {}
        self._dirty: dict[StreamId, None] = {}
        self._version = 0
        self._flushed_at = float("-inf")
        self._full_at = float("-inf")  # when a whole burst may be told again

    def announced(self, stream: StreamId) -> bool:
        """Whether the stream is announced here."""
        own = self._streams.get(stream)
        return own is not None and bool(own.media)

    def announce(self, claim: Claim, media: Media, now: float) -> StreamId:
        """Say that a stream can be had here, or that its media changed."""
        state, octets = self._state, build_media(media)
        if claim.origin != state.me:
            raise StateError("directory: the claim is another node's")
        if len(octets) > MEDIA_OCTETS_MAX:
            raise StateError(f"directory: media in at most {MEDIA_OCTETS_MAX} octets")
        stream = claim.stream
        own = self._streams.get(stream)
        if own is not None and own.claim == claim and own.media == octets:
            return stream
        if not state.verify(claim.signer, claim.signed_part(), claim.signature):
            raise StateError("directory: the claim key did not sign this claim")
        held = state.table.get(stream)
        if held is not None and _beaten(held, claim):
            raise StateError(
                f"directory: claimed with counter {held.claim.counter} elsewhere"
            )
        maximum = state.config.streams_per_origin_max
        if own is None and len(self._streams) >= maximum:
            raise LimitError("streams_per_origin_max", maximum)
        fresh = _Stream(claim, octets)
        if own is not None:
            fresh.lifetime_s, fresh.told = own.lifetime_s, own.told
        self._streams[stream] = fresh
        state.timers.cancel((Task.LEFTOVER, stream))
        if (Task.REFRESH, NO_STREAM) not in state.timers:
            self._refresh_later(now)
        self._changed(stream, now)
        return stream

    def unannounce(self, stream: StreamId, now: float) -> None:
        """Say that a stream has ended; one that is not announced is fine."""
        own = self._streams.get(stream)
        if own is None or not own.media:
            return
        if not own.told:
            del self._streams[stream]
            self._dirty.pop(stream, None)
            return
        own.media = b""
        self._changed(stream, now)

    def end_all(self, now: float) -> None:
        """Say at once that all streams have ended: this node is about to go."""
        for stream in list(self._streams):
            self.unannounce(stream, now)
        while self._dirty:
            self.flush(now)

    def _changed(self, stream: StreamId, now: float) -> None:
        self._dirty[stream] = None
        due = self._next_at()
        if due <= now:
            self.flush(now)
        else:
            self._state.wait(Task.FLUSH, due)

    def _next_at(self) -> float:
        """When the next message may leave (RFC 0009 section 5.1)."""
        config = self._state.config
        spent_s = (config.announce_burst - 1) * config.announce_gap_s
        return max(self._flushed_at + config.announce_pause_s, self._full_at - spent_s)

    # telling

    def interval_s(self) -> float:
        """How long nothing needs to be told again: longer the more streams there are,
        so that refreshes of all together stay within the budget of one node.
        """
        config = self._state.config
        everything = self._state.table.octets * config.copies
        most = config.lifetime_max_s / config.refreshes_missed
        return min(max(config.refresh_s, everything / config.budget_octets_per_s), most)

    def _lifetime_s(self) -> int:
        config = self._state.config
        late = 1.0 + config.refresh_jitter
        seconds = ceil(self.interval_s() * config.refreshes_missed * late)
        return min(seconds, int(config.lifetime_max_s), LIFETIME_MAX_S)

    def _refresh_later(self, now: float) -> None:
        state = self._state
        wait_s = state.spread(self.interval_s(), state.config.refresh_jitter)
        state.wait(Task.REFRESH, now + wait_s)

    def refresh(self, now: float) -> None:
        """Tell everything again."""
        if not self._streams:
            return
        self._dirty.update(dict.fromkeys(self._streams))
        self._refresh_later(now)
        if (Task.FLUSH, NO_STREAM) not in self._state.timers:
            self.flush(now)

    def flush(self, now: float) -> None:
        """One message with as much of what waits as it holds."""
        state, notices, octets = self._state, [], 0
        for stream in list(self._dirty):
            notice = self._notice(stream, now)
            octets += len(notice.body) + len(notice.signature)
            notices.append(notice)
            del self._dirty[stream]
            if len(notices) >= NOTICES_MAX:
                break
            # why half: the next one may be as large as this one
            if octets + octets // len(notices) > state.config.message_octets_max:
                break
        if notices:
            self._flushed_at = now
            self._full_at = max(self._full_at, now) + state.config.announce_gap_s
            state.publish(build_notices(notices), now)
        if self._dirty:
            state.wait(Task.FLUSH, max(self._next_at(), now))

    def _notice(self, stream: StreamId, now: float) -> Notice:
        own = self._streams[stream]
        if own.media:
            own.lifetime_s = max(self._lifetime_s(), 1)
        notice = self._tell(stream, own.claim, own.media, own.lifetime_s, now)
        own.told = True
        if not own.media:
            del self._streams[stream]
        return notice

    def _tell(
        self, stream: StreamId, claim: Claim, media: bytes, lifetime_s: int, now: float
    ) -> Notice:
        state = self._state
        self._version += 1
        body = Body(claim, state.epoch, self._version, lifetime_s, media)
        octets = build_body(body)
        bare = Notice(octets, b"")
        notice = Notice(octets, state.sign(bare.signed_part()))
        entry = Entry(body, notice, rank(body, octets), now + lifetime_s)
        hold(state, stream, entry)
        return notice

    # what others say about our streams

    def heard(self, stream: StreamId, entry: Entry, now: float) -> None:
        """Something newer than what we held came from outside."""
        state = self._state
        own = self._streams.get(stream)
        mine = entry.claim.origin == state.me
        if own is not None and _beaten(entry, own.claim):
            del self._streams[stream]
            self._dirty.pop(stream, None)
            state.outbox.put(ClaimLost(stream, entry.claim.origin))
        elif own is not None and mine and entry.epoch == state.epoch:
            self._version = max(self._version, entry.version)
            self._changed(stream, now)
        elif own is None and mine and entry.media:
            grace_s = state.config.leftover_grace_s
            state.wait(Task.LEFTOVER, now + grace_s, stream)

    def leftover(self, stream: StreamId, now: float) -> None:
        """A stream of an earlier life of ours that did not come back: it has ended."""
        state, entry = self._state, self._state.table.live(stream)
        if entry is None or stream in self._streams or entry.claim.origin != state.me:
            return
        if (entry.epoch, entry.version) >= (state.epoch, 2**32 - 1):
            return
        if entry.epoch == state.epoch:
            self._version = max(self._version, entry.version)
        rest_s = min(max(ceil(entry.expires_at - now), 1), LIFETIME_MAX_S)
        lifetime_s = max(rest_s, self._lifetime_s())
        notice = self._tell(stream, entry.claim, b"", lifetime_s, now)
        state.publish(build_notices([notice]), now)


def _beaten(held: Entry, claim: Claim) -> bool:
    """Whether a notice with `claim` could never hold beside what is held."""
    ours, theirs = (claim.counter, claim.origin[-8:]), held.claim
    return ours < (theirs.counter, theirs.origin[-8:])
