"""RTP header extensions that we answer (RFC 8285 section 5).

Strategy: a fixed set per direction; whatever else is offered is left out of the answer
and so never sent.  Ids are the offerer's.  The direction of an extension is mirrored.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshproto.wire.parameters import Extension, MediaKind
from meshproto.wire.sdp.model import Direction, ExtMap, Media

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TOFFSET = "urn:ietf:params:rtp-hdrext:toffset"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
_EXPERIMENTS = "http://www.webrtc.org/experiments/rtp-hdrext/"
ABS_SEND_TIME = _EXPERIMENTS + "abs-send-time"
PLAYOUT_DELAY = _EXPERIMENTS + "playout-delay"
VIDEO_LAYERS_ALLOCATION = _EXPERIMENTS + "video-layers-allocation00"
TRANSPORT_CC = (
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)
DEPENDENCY_DESCRIPTOR = (
    "https://aomediacodec.github.io/av1-rtp-spec/"
    "#dependency-descriptor-rtp-header-extension"
)

_COMMON = frozenset({MID, ABS_SEND_TIME, TRANSPORT_CC})
_VIDEO = frozenset({TOFFSET, VIDEO_ORIENTATION, PLAYOUT_DELAY, DEPENDENCY_DESCRIPTOR})
_LAYERS = frozenset({RID, REPAIRED_RID, VIDEO_LAYERS_ALLOCATION})

RECEIVED = {
    MediaKind.AUDIO: _COMMON | {AUDIO_LEVEL},
    MediaKind.VIDEO: _COMMON | _VIDEO | _LAYERS,
}
"""What we read from a publisher."""

SENT = {
    MediaKind.AUDIO: _COMMON | {AUDIO_LEVEL},
    MediaKind.VIDEO: _COMMON | _VIDEO,
}
"""What we may send to a player."""

MAX_ONE_BYTE_ID = 14
"""The largest id of the one-byte form (RFC 8285 section 4.2), the form we write."""

_PREFERRED: dict[str, int] = {
    AUDIO_LEVEL: 1,
    ABS_SEND_TIME: 2,
    TRANSPORT_CC: 3,
    MID: 4,
    PLAYOUT_DELAY: 5,
    DEPENDENCY_DESCRIPTOR: 12,
    VIDEO_ORIENTATION: 13,
    TOFFSET: 14,
}
"""The ids of our own offers: those browsers give, so that the two rarely clash."""

_REVERSED = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


class ExtensionIds:
    """The ids of one connection: an id means one URI and a URI has one id.

    RFC 9143 section 9.1 asks that of a bundle, and not every client keeps it; what
    clashes with an earlier section is left out of the answer.
    """

    def __init__(self, known: Iterable[Extension | ExtMap] = ()) -> None:
        self._uris: dict[int, str] = {}
        self._ids: dict[str, int] = {}
        for extension in known:
            self.admit(extension.id, extension.uri)

    def admit(self, identity: int, uri: str) -> bool:
        """Whether the pair is consistent with all before; if so it counts from now."""
        consistent = self._uris.get(identity, uri) == uri
        if not consistent or self._ids.get(uri, identity) != identity:
            return False
        self._uris[identity] = uri
        self._ids[uri] = identity
        return True

    def assign(self, uri: str) -> int | None:
        """The id of `uri`, a new one where it has none, None where none is left."""
        if uri in self._ids:
            return self._ids[uri]
        choices: list[int] = [_PREFERRED[uri], *range(1, MAX_ONE_BYTE_ID + 1)]
        for identity in choices:
            if self.admit(identity, uri):
                return identity
        return None


def answer_received(
    media: Media, wanted: Iterable[str], ids: ExtensionIds
) -> tuple[ExtMap, ...]:
    """The offered extensions among `wanted` that the offerer may send us."""
    return _answer(media, frozenset(wanted), ids, sending=False)


def answer_sent(
    media: Media, wanted: Iterable[str], ids: ExtensionIds
) -> tuple[ExtMap, ...]:
    """The offered extensions among `wanted` that we may send the offerer."""
    return _answer(media, frozenset(wanted), ids, sending=True)


def offer_sent(wanted: Iterable[str], ids: ExtensionIds) -> tuple[ExtMap, ...]:
    """Extensions for an offer of ours, under ids that stay for the connection."""
    assigned = ((ids.assign(uri), uri) for uri in sorted(wanted))
    return tuple(ExtMap(found, uri) for found, uri in assigned if found is not None)


def bare(extensions: Iterable[ExtMap]) -> tuple[Extension, ...]:
    """As ids and URIs alone, for the forwarding table."""
    return tuple(Extension(found.id, found.uri) for found in extensions)


def _answer(
    media: Media, wanted: frozenset[str], ids: ExtensionIds, sending: bool
) -> tuple[ExtMap, ...]:
    answered: dict[str, ExtMap] = {}
    for offered in media.extensions:
        if offered.uri not in wanted or offered.uri in answered:
            continue
        if not _id_usable(offered.id, sending):
            continue
        if _allowed(offered.direction, sending) and ids.admit(offered.id, offered.uri):
            answered[offered.uri] = _mirror(offered)
    return tuple(answered.values())


def _id_usable(identity: int, sending: bool) -> bool:
    # 15 is reserved, above 255 are placeholders (RFC 8285 sections 4.2 and 5)
    if sending:
        return 1 <= identity <= MAX_ONE_BYTE_ID
    return 1 <= identity <= 255 and identity != 15


def _allowed(direction: Direction | None, sending: bool) -> bool:
    if direction is None:
        return True
    return direction.receives if sending else direction.sends


def _mirror(offered: ExtMap) -> ExtMap:
    direction = None if offered.direction is None else _REVERSED[offered.direction]
    return ExtMap(offered.id, offered.uri, direction)
