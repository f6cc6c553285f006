"""Records of the directory, kinds 32-47, and what is gossiped (RFC 0009 section 3).

A stream is described by a *notice*: a body of octets and the origin node's signature
over exactly these octets.  Notices are passed on as they came, so a later version may
append fields to a body without older nodes breaking its signature.
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum

import msgpack

from meshproto.errors import DecodeError
from meshproto.ids import NodeId, StreamId, StreamName, short_id
from meshproto.wire import peer_id
from meshproto.wire.control import schema as s

BODY_OCTETS_MAX = 2_048
MEDIA_OCTETS_MAX = 1_600
NOTICES_MAX = 32
"""Notices of one gossip message or one record of a link."""
BUCKETS_MAX = 256
RANK_OCTETS = 34
LIFETIME_MAX_S = 86_400
COUNTER_MAX = 2**53 - 1
"""Milliseconds since 1970 fit, and so do the numbers of every JSON reader."""

_STREAM_CONTEXT = b"meshnode stream 1"
_CLAIM_CONTEXT = b"meshnode claim 1"
_NOTICE_CONTEXT = b"meshnode notice 1"
_NAME = re.compile(r"[A-Za-z0-9_.~-]{1,128}")


def stream_id(key: bytes, name: str) -> StreamId:
    """The stream that whoever holds `key` calls `name` (RFC 0005 section 2)."""
    digest = hashlib.sha256(_STREAM_CONTEXT + key + name.encode()).digest()
    return StreamId(digest[:16])


def _name() -> s.Codec:
    def read(data: object) -> StreamName:
        if type(data) is not str or not _NAME.fullmatch(data):
            raise DecodeError("record-name")
        return StreamName(data)

    return s.Codec(str, read)


class TrackKind(Enum):
    """What a track carries."""

    AUDIO = 0
    VIDEO = 1
    DATA = 2


@s.structure
class Layer(s.Record):
    """One selection of a track, cheapest first; zeros where they do not apply."""

    rid: str = s.wire(s.text(16))
    bitrate_bps: int = s.wire(s.integer(2**32 - 1))
    width: int = s.wire(s.integer(65_535))
    height: int = s.wire(s.integer(65_535))
    fps: float = s.wire(s.number(1_000.0))


@s.structure
class Track(s.Record):
    """One media source; `codec` is the lower-case subtype of RTP's payload format."""

    id: str = s.wire(s.text(64))
    kind: TrackKind = s.wire(s.choice(TrackKind))
    codec: str = s.wire(s.text(32))
    clock_rate: int = s.wire(s.integer(2**32 - 1))
    fmtp: str = s.wire(s.text(255))
    layers: tuple[Layer, ...] = s.wire(s.array(s.nested(Layer), 12))


@s.structure
class Media(s.Record):
    """What can be had: `encrypted` end to end, and the tracks."""

    encrypted: bool = s.wire(s.boolean())
    tracks: tuple[Track, ...] = s.wire(s.array(s.nested(Track), 16))


@s.structure
class Claim(s.Record):
    """The claim key lets `origin` publish `name`, until `expires_ms` since 1970.

    Of two claims on one stream the greater `counter` holds.
    """

    key: bytes = s.wire(s.blob(32, 32))
    name: StreamName = s.wire(_name())
    origin: NodeId = s.wire(s.NODE)
    counter: int = s.wire(s.integer(COUNTER_MAX))
    expires_ms: int = s.wire(s.EPOCH)
    signature: bytes = s.wire(s.blob(64), default=b"")

    @property
    def signer(self) -> NodeId:
        """The claim key in the form in which signatures are verified."""
        return peer_id.from_ed25519(self.key)

    @property
    def stream(self) -> StreamId:
        """The stream that is claimed."""
        return stream_id(self.key, self.name)

    def signed_part(self) -> bytes:
        """The octets that the claim key signs."""
        packed: bytes = msgpack.packb(
            [self.key, self.name, self.origin, self.counter, self.expires_ms]
        )
        return _CLAIM_CONTEXT + packed


@s.structure
class Body(s.Record):
    """What an origin says about one stream; without `media` the stream has ended.

    `lifetime_s` is for how long this is to be believed without a newer word.
    """

    claim: Claim = s.wire(s.nested(Claim))
    epoch: int = s.wire(s.EPOCH)
    version: int = s.wire(s.integer(2**32 - 1))
    lifetime_s: int = s.wire(s.integer(LIFETIME_MAX_S, 1))
    media: bytes = s.wire(s.blob(MEDIA_OCTETS_MAX))


@s.structure
class Notice(s.Record):
    """A body as octets, and the origin's signature over them."""

    body: bytes = s.wire(s.blob(BODY_OCTETS_MAX, 1))
    signature: bytes = s.wire(s.SIGNATURE)

    def signed_part(self) -> bytes:
        """The octets that the origin signs."""
        return _NOTICE_CONTEXT + self.body


def _plain(data: bytes, reason: str) -> object:
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=True)
    except Exception as error:  # why all: msgpack raises many kinds for bad input
        raise DecodeError(reason) from error


def parse_media(data: bytes) -> Media:
    """The media of a body; raises `DecodeError`."""
    return s.unpack(Media, _plain(data, "directory-media"))


def build_media(media: Media) -> bytes:
    """The octets that `parse_media` reads."""
    packed: bytes = msgpack.packb(s.pack(media))
    return packed


def parse_body(data: bytes) -> Body:
    """The body of a notice, its media not yet looked into; raises `DecodeError`."""
    return s.unpack(Body, _plain(data, "directory-body"))


def build_body(body: Body) -> bytes:
    """The octets that `parse_body` reads."""
    packed: bytes = msgpack.packb(s.pack(body))
    return packed


def parse_notices(data: bytes) -> tuple[Notice, ...]:
    """The notices of a gossip message; raises `DecodeError`."""
    plain = _plain(data, "directory-message")
    if not isinstance(plain, list) or not 0 < len(plain) <= NOTICES_MAX:
        raise DecodeError("directory-message")
    return tuple(s.unpack(Notice, item) for item in plain)


def build_notices(notices: list[Notice]) -> bytes:
    """The octets that `parse_notices` reads."""
    packed: bytes = msgpack.packb([s.pack(notice) for notice in notices])
    return packed


def rank(body: Body, octets: bytes) -> bytes:
    """What orders all notices of one stream: the greater one holds (RFC 0009 section
    4).  The hash at the end decides between two that an origin should not have made.
    """
    return b"".join(
        (
            body.claim.counter.to_bytes(8, "big"),
            short_id(body.claim.origin),
            body.epoch.to_bytes(6, "big"),
            body.version.to_bytes(4, "big"),
            hashlib.sha256(octets).digest()[:8],
        )
    )


@s.structure
class Held(s.Record):
    """A notice in a table, with the rest of its lifetime there."""

    rest_s: int = s.wire(s.integer(LIFETIME_MAX_S))
    notice: Notice = s.wire(s.nested(Notice))


@s.structure
class Known(s.Record):
    """A stream in a table, and the rank of its notice."""

    stream: StreamId = s.wire(s.STREAM)
    rank: bytes = s.wire(s.blob(RANK_OCTETS, RANK_OCTETS))


@s.structure
class Bucket(s.Record):
    """The streams of bucket `number`: all of them if it is `whole`."""

    number: int = s.wire(s.integer(BUCKETS_MAX - 1))
    whole: bool = s.wire(s.boolean())
    known: tuple[Known, ...] = s.wire(s.array(s.nested(Known), 1_024))


def power_of_two() -> s.Codec:
    """How many buckets a table is cut into: 1, 2, 4 ... `BUCKETS_MAX`."""

    def read(data: object) -> int:
        if type(data) is int and 0 < data <= BUCKETS_MAX and not data & (data - 1):
            return data
        raise DecodeError("record-buckets")

    return s.Codec(int, read)


@s.record(32, bulk=True)
class Digest(s.Record):
    """Eight octets over each bucket of the sender's table."""

    buckets: int = s.wire(power_of_two())
    sums: bytes = s.wire(s.blob(8 * BUCKETS_MAX, 8))


@s.record(33, bulk=True)
class Summary(s.Record):
    """Some buckets that differ, of a table cut into `buckets`, with all in them."""

    buckets: int = s.wire(power_of_two())
    differing: tuple[Bucket, ...] = s.wire(s.array(s.nested(Bucket), BUCKETS_MAX))


@s.record(34, bulk=True)
class WantNotices(s.Record):
    """Please let me have the notices of these streams."""

    streams: tuple[StreamId, ...] = s.wire(s.array(s.STREAM, 1_024))


@s.record(35, bulk=True)
class Notices(s.Record):
    """Notices that the receiver seems to lack."""

    held: tuple[Held, ...] = s.wire(s.array(s.nested(Held), NOTICES_MAX))


DirectoryRecord = Digest | Summary | WantNotices | Notices
"""Every record that a `Directory` receives."""
