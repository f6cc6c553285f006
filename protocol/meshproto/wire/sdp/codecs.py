"""Which codecs we carry, and when two ends mean the same one.

A node never decodes, so a codec is only a name, a payload type and parameters that
must fit: what the publisher sends is what every viewer gets.  One media codec is
answered per track, the publisher's first that we can carry; a browser would otherwise
be free to change codec under viewers that cannot follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp.h264 import h264_serves
from meshproto.wire.sdp.model import Format, Media, fmtp_values

CARRIED = {
    MediaKind.VIDEO: ("vp8", "vp9", "h264", "av1", "h265"),
    MediaKind.AUDIO: ("opus", "pcmu", "pcma", "g722"),
}
"""Codec names by kind; of audio the first one is taken wherever it is offered."""

CLOCK_RATES_HZ = {"opus": 48_000, "pcmu": 8_000, "pcma": 8_000, "g722": 8_000}
"""Of audio; all video has 90,000.  Another rate under the name is another codec."""

STATIC_FORMATS = {
    "0": Format(0, "PCMU/8000", "pcmu", 8_000),
    "8": Format(8, "PCMA/8000", "pcma", 8_000),
    "9": Format(9, "G722/8000", "g722", 8_000),
}
"""Payload types that need no rtpmap (RFC 3551 section 6), as far as we carry them."""

FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")
"""The rtcp-fb values that we answer where they are offered."""

_PROFILES = {
    "vp9": ("profile-id", "0"),  # RFC 9628 section 7
    "av1": ("profile", "0"),  # AV1 RTP specification section 7.2
    "h265": ("profile-id", "1"),  # RFC 7798 section 7.1
}


def kind_of(media: Media) -> MediaKind | None:
    """The RTP kind of a section, None for data and anything else."""
    if "RTP" not in media.protocol:
        return None
    return {kind.value: kind for kind in MediaKind}.get(media.kind)


def spelling(name: str) -> str:
    """The registered spelling of a codec's name: VP8, H264, but opus."""
    return name if name == "opus" else name.upper()


def offered(media: Media, names: Iterable[str]) -> tuple[Format, ...]:
    """The formats of a section among `names`, in the offerer's order of preference."""
    mapped = {str(found.payload_type): found for found in media.codecs}
    wanted = frozenset(names)
    found = (mapped.get(pt) or STATIC_FORMATS.get(pt) for pt in media.formats)
    return tuple(
        format_
        for format_ in found
        if format_ is not None
        and format_.name in wanted
        and format_.clock_rate_hz == CLOCK_RATES_HZ.get(format_.name, 90_000)
    )


def choose(formats: Sequence[Format], kind: MediaKind) -> Format | None:
    """The one format to answer a publisher with, None where there is nothing.

    Opus before other audio.  Of H.264 the first profile in its packetization mode 1
    form where that is offered too: mode 0 cannot fragment, so a large NAL unit would
    need IP fragmentation (RFC 6184 section 5.4).
    """
    if kind is MediaKind.AUDIO:
        formats = sorted(formats, key=lambda found: found.name != "opus")
    if not formats:
        return None
    first = formats[0]
    if first.name != "h264":
        return first
    profile = fmtp_values(first.parameters).get("profile-level-id", "").lower()[:4]
    for found in formats:
        values = fmtp_values(found.parameters)
        same = values.get("profile-level-id", "").lower()[:4] == profile
        if found.name == "h264" and same and values.get("packetization-mode") == "1":
            return found
    return first


def match(formats: Sequence[Format], codec: Codec) -> Format | None:
    """The viewer's format that takes what a producer sends as `codec`."""
    ranked = [
        (rank, found) for found in formats if (rank := fit(found, codec)) is not None
    ]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def fit(found: Format | Codec, codec: Codec) -> int | None:
    """How well a format of the far end fits a codec: 0 best, None not at all."""
    if (found.name, found.clock_rate_hz) != (codec.name, codec.clock_rate_hz):
        return None
    theirs, ours = fmtp_values(found.parameters), fmtp_values(codec.parameters)
    if codec.name == "h264":
        return h264_serves(ours, theirs)
    key, default = _PROFILES.get(codec.name, ("", ""))
    same = theirs.get(key, default) == ours.get(key, default)
    return 0 if same else None


def negotiated(media: Media, chosen: Format, transport_cc: bool) -> Codec:
    """`chosen` with the rtx and the feedback that go with it.

    `transport_cc` says whether the header extension was answered: the feedback alone
    makes no sense.
    """
    accepted = [value for value in FEEDBACK if value in chosen.feedback]
    if not transport_cc and "transport-cc" in accepted:
        accepted.remove("transport-cc")
    return Codec(
        payload_type=chosen.payload_type,
        name=chosen.name,
        clock_rate_hz=chosen.clock_rate_hz,
        channels=chosen.channels,
        parameters=_printable(chosen.parameters),
        rtx_payload_type=_rtx(media, chosen),
        feedback=tuple(accepted),
    )


def describe(codec: Codec | Format) -> str:
    """Name and parameters for a message to a person."""
    text = f"{spelling(codec.name)} {codec.parameters}".strip()
    return text[:120]


def _rtx(media: Media, chosen: Format) -> int | None:
    for found in media.codecs:
        if found.repairs == chosen.payload_type:
            return found.payload_type
    return None


def _printable(parameters: str) -> str:
    # Mirrored into our own text: what is not plain ASCII is not mirrored.
    return parameters if parameters.isascii() and parameters.isprintable() else ""
