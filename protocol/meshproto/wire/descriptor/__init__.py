"""Payload descriptors: which frame, layer and role a video packet has (RFC 0003).

`describe` is the one entry of the packet path.  The codec modules hold what is
particular: `vp8` also rewrites picture ids in place, `h264` also rebuilds the byte
stream for tests, `dependency` and `layers` read the header extensions that tell the
same where the payload is encrypted end to end.
"""

from __future__ import annotations

from collections.abc import Callable

from meshproto.wire.descriptor import av1, h264, h265, vp8, vp9
from meshproto.wire.descriptor.frame import MIDDLE, OPAQUE, FrameFacts

_DESCRIBERS: dict[str, Callable[[bytes], FrameFacts]] = {
    "vp8": vp8.describe,
    "vp9": vp9.describe,
    "h264": h264.describe,
    "h265": h265.describe,
    "av1": av1.describe,
}


def describe(codec: str, payload: bytes) -> FrameFacts:
    """The facts of one RTP payload (padding removed) of `codec`, in lower case.

    Raises `DecodeError` when the payload cannot be of that codec; a caller that
    expects end-to-end encryption then falls back to the dependency descriptor.
    """
    describer = _DESCRIBERS.get(codec)
    if describer is None:
        return OPAQUE
    if not payload:
        return MIDDLE
    return describer(payload)


def describer(codec: str) -> Callable[[bytes], FrameFacts] | None:
    """The function behind `describe`, to be kept per producer; None for opaque codecs.

    It takes a payload of at least one octet.
    """
    return _DESCRIBERS.get(codec)


__all__ = ["MIDDLE", "OPAQUE", "FrameFacts", "describe", "describer"]
