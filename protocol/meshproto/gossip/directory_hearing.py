"""A notice is heard, by gossip or from a neighbour's table (RFC 0009 sections 4, 5).

What is cheap to find out comes first: order, bounds and clocks before signatures.  What
is not newer is never verified, and a claim that did not change is verified once.
"""

from __future__ import annotations

from enum import Enum

from meshproto.errors import DecodeError
from meshproto.gossip.directory_events import (
    StreamChanged,
    StreamFound,
    StreamGone,
    StreamMoved,
)
from meshproto.gossip.directory_state import State, Task
from meshproto.gossip.directory_table import Entry
from meshproto.ids import NodeId, StreamId
from meshproto.wire.control.directory import (
    Body,
    Notice,
    parse_body,
    parse_media,
    rank,
)


class Outcome(Enum):
    """What a notice was: only newer ones have an effect."""

    NEWER = "newer"
    CURRENT = "current"
    STALE = "stale"
    UNWELCOME = "unwelcome"  # no room, or a matter of clocks: nobody's fault
    WRONG = "wrong"


def hear(
    state: State, notice: Notice, rest_s: int | None, source: NodeId, now: float
) -> tuple[Outcome, StreamId, Entry | None]:
    """Take a notice in if it is newer than what is held; the entry that holds then.

    `rest_s` is what is left of its lifetime where it comes from, None for a message of
    the origin: then `source` must be the origin, else it is the neighbour.
    """
    nothing = StreamId(b"")
    try:
        body = parse_body(notice.body)
        stream = body.claim.stream
    except DecodeError as error:
        state.refuse(source, error.reason)
        return Outcome.WRONG, nothing, None
    order = rank(body, notice.body)
    held = state.table.get(stream)
    if held is not None and held.rank >= order:
        same = held.rank == order and held.notice.signature == notice.signature
        return (Outcome.CURRENT if same else Outcome.STALE), stream, held
    if rest_s is None and body.claim.origin != source:
        state.refuse(source, "directory-author")
        return Outcome.WRONG, stream, held
    if rest_s == 0:
        return Outcome.STALE, stream, held
    if not _timely(state, body, source, now) or not _room(state, stream, body, source):
        return Outcome.UNWELCOME, stream, held
    fault = _fault(state, notice, body, held)
    if fault:
        state.refuse(source, fault)
        return Outcome.WRONG, stream, held
    lifetime_s = body.lifetime_s if rest_s is None else min(rest_s, body.lifetime_s)
    entry = Entry(body, notice, order, now + lifetime_s)
    hold(state, stream, entry)
    return Outcome.NEWER, stream, entry


def _timely(state: State, body: Body, source: NodeId, now: float) -> bool:
    """Epochs far ahead and claims long over are not believed, if we know the time."""
    if state.wall_ahead_s is None:
        return True
    wall_s, slack_s = state.wall_ahead_s + now, state.config.clock_slack_s
    if body.epoch / 1000 > wall_s + slack_s:
        state.refuse(source, "directory-epoch")
        return False
    if body.claim.expires_ms / 1000 < wall_s - slack_s:
        state.refuse(source, "directory-claim-over")
        return False
    return True


def _room(state: State, stream: StreamId, body: Body, source: NodeId) -> bool:
    limit = state.table.full(stream, body.claim.origin)
    if limit is None:
        return True
    state.overflow(*limit)
    state.refuse(source, "directory-full")
    return False


def _fault(state: State, notice: Notice, body: Body, held: Entry | None) -> str:
    """What is wrong with the signatures or the media, as a label."""
    claim = body.claim
    if not state.verify(claim.origin, notice.signed_part(), notice.signature):
        return "directory-signature"
    if (held is None or held.claim != claim) and not state.verify(
        claim.signer, claim.signed_part(), claim.signature
    ):
        return "directory-claim"
    if body.media and (held is None or held.media != body.media):
        try:
            parse_media(body.media)
        except DecodeError as error:
            return error.reason
    return ""


def hold(state: State, stream: StreamId, entry: Entry) -> None:
    """Put an entry that is newer into the table and tell what that changes."""
    before = state.table.live(stream)
    state.table.put(stream, entry)
    state.wait(Task.EXPIRY, entry.expires_at, stream)
    origin = entry.claim.origin
    if not entry.media:
        if before is not None:
            state.changed(StreamGone(stream, "ended"))
    elif before is None:
        state.changed(StreamFound(stream, entry.claim.name, origin))
    elif before.claim.origin != origin:
        state.changed(StreamMoved(stream, origin, before.claim.origin))
    elif before.media != entry.media:
        state.changed(StreamChanged(stream))


def expire(state: State, stream: StreamId) -> None:
    """The lifetime of what is held is over."""
    entry = state.table.remove(stream)
    state.full.clear()
    if entry is not None and entry.media:
        state.changed(StreamGone(stream, "expired"))
