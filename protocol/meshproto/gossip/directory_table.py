"""The table of streams: of each the notice that holds, until its lifetime is over.

The notice with the greatest rank holds (RFC 0009 section 4), whatever came first, so
all tables that heard the same notices are equal.  Notices of ended streams are kept for
their lifetime too: they outlive every older notice that could come back.

Sums over 256 buckets, kept up to date in place, let two tables be compared in 2 kB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from meshproto.config.directory import DirectoryConfig
from meshproto.errors import DecodeError
from meshproto.ids import NodeId, StreamId
from meshproto.wire.control.directory import (
    BUCKETS_MAX,
    Body,
    Claim,
    Media,
    Notice,
    parse_media,
)

_PER_BUCKET = 8
"""Streams of a bucket on average, below the greatest number of buckets."""


class Entry:
    """What is held of one stream; `media` is empty once it has ended."""

    __slots__ = ("claim", "epoch", "expires_at", "media", "notice", "rank", "version")

    def __init__(
        self, body: Body, notice: Notice, rank: bytes, expires_at: float
    ) -> None:
        self.claim: Claim = body.claim
        self.epoch = body.epoch
        self.version = body.version
        self.media = body.media
        self.notice = notice
        self.rank = rank
        self.expires_at = expires_at

    def __repr__(self) -> str:
        state = "live" if self.media else "ended"
        return f"<Entry {self.claim.name} {self.claim.counter} {self.version} {state}>"

    @property
    def octets(self) -> int:
        """What the notice costs on the wire."""
        return len(self.notice.body) + len(self.notice.signature)


def _sum(stream: StreamId, rank: bytes) -> int:
    digest = hashlib.sha256(stream + rank).digest()
    return int.from_bytes(digest[:8], "big")


class Table:
    """Entries by stream; see the essay."""

    __slots__ = (
        "_buckets",
        "_config",
        "_entries",
        "_names",
        "_origins",
        "_sums",
        "octets",
    )

    def __init__(self, config: DirectoryConfig) -> None:
        self._config = config
        self._entries: dict[StreamId, Entry] = {}
        self._names: dict[str, dict[StreamId, None]] = {}
        self._origins: dict[NodeId, int] = {}
        self._buckets: list[dict[StreamId, None] | None] = [None] * BUCKETS_MAX
        self._sums = [0] * BUCKETS_MAX
        self.octets = 0
        """All notices together, with what gossip wraps around each."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[StreamId]:
        return iter(self._entries)

    def get(self, stream: StreamId) -> Entry | None:
        """What is held of a stream, also of one that has ended."""
        return self._entries.get(stream)

    def live(self, stream: StreamId) -> Entry | None:
        """What is held of a stream that can be had."""
        entry = self._entries.get(stream)
        return entry if entry is not None and entry.media else None

    def named(self, name: str) -> list[StreamId]:
        """The streams of that name that can be had, whoever claims them."""
        found = self._names.get(name, ())
        return [stream for stream in found if self._entries[stream].media]

    def full(self, stream: StreamId, origin: NodeId) -> tuple[str, int] | None:
        """The limit that keeps a notice out of the table, if one does."""
        held = self._entries.get(stream)
        config = self._config
        if held is None and len(self._entries) >= config.streams_max:
            return "streams_max", config.streams_max
        if held is not None and held.claim.origin == origin:
            return None
        if self._origins.get(origin, 0) >= config.streams_per_origin_max:
            return "streams_per_origin_max", config.streams_per_origin_max
        return None

    def put(self, stream: StreamId, entry: Entry) -> None:
        """Hold `entry` instead of whatever was held; the caller compared ranks."""
        self._forget(stream)
        self._entries[stream] = entry
        number = stream[0]
        bucket = self._buckets[number]
        if bucket is None:
            bucket = self._buckets[number] = {}
        bucket[stream] = None
        self._sums[number] ^= _sum(stream, entry.rank)
        self._names.setdefault(entry.claim.name, {})[stream] = None
        origin = entry.claim.origin
        self._origins[origin] = self._origins.get(origin, 0) + 1
        self.octets += entry.octets + self._config.envelope_octets

    def remove(self, stream: StreamId) -> Entry | None:
        """Forget a stream; what was held."""
        entry = self._forget(stream)
        if entry is not None:
            del self._entries[stream]
        return entry

    def _forget(self, stream: StreamId) -> Entry | None:
        entry = self._entries.get(stream)
        if entry is None:
            return None
        number, claim = stream[0], entry.claim
        bucket = self._buckets[number]
        assert bucket is not None
        del bucket[stream]
        self._sums[number] ^= _sum(stream, entry.rank)
        names = self._names[claim.name]
        del names[stream]
        if not names:
            del self._names[claim.name]
        self._origins[claim.origin] -= 1
        if not self._origins[claim.origin]:
            del self._origins[claim.origin]
        self.octets -= entry.octets + self._config.envelope_octets
        return entry

    # comparing tables

    def fineness(self) -> int:
        """Into how many buckets it is worth cutting this table."""
        buckets = 1
        while buckets < BUCKETS_MAX and buckets * _PER_BUCKET < len(self._entries):
            buckets *= 2
        return buckets

    def sums(self, buckets: int) -> bytes:
        """The sums over `buckets` buckets, a power of two, eight octets each."""
        each = BUCKETS_MAX // buckets
        folded = []
        for first in range(0, BUCKETS_MAX, each):
            value = 0
            for number in range(first, first + each):
                value ^= self._sums[number]
            folded.append(value.to_bytes(8, "big"))
        return b"".join(folded)

    def bucket(self, number: int, buckets: int) -> list[StreamId]:
        """The streams of bucket `number` of `buckets`."""
        each = BUCKETS_MAX // buckets
        found: list[StreamId] = []
        for part in self._buckets[number * each : (number + 1) * each]:
            if part:
                found.extend(part)
        return found


def media_of(entry: Entry) -> Media | None:
    """The media of a stream, None once it has ended."""
    if not entry.media:
        return None
    try:
        return parse_media(entry.media)
    except DecodeError:  # pragma: no cover - looked into before it was held
        return None
