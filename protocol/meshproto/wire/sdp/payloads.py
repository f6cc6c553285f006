"""Payload types for offers of ours (RFC 3551, RFC 8834 section 6).

Strategy: on one transport a payload type means one codec with one set of parameters,
so those in use are kept and a codec that has one gets the same again.  New ones come
from the numbers browsers give, then from whatever is free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meshproto.errors import LimitError
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp.codecs import fit

_PREFERRED = {
    "vp8": 96,
    "vp9": 98,
    "h264": 102,
    "av1": 45,
    "h265": 49,
    "opus": 111,
    "pcmu": 0,
    "pcma": 8,
    "g722": 9,
}
_FREE = (*range(96, 128), *range(35, 64))

FEEDBACK = {
    MediaKind.AUDIO: ("nack", "transport-cc"),
    MediaKind.VIDEO: ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"),
}
"""The rtcp-fb values that an offer of ours asks for."""


class PayloadTypes:
    """The payload types of one connection."""

    def __init__(self, used: Iterable[Codec] = ()) -> None:
        self._codecs: list[Codec] = []
        self._taken: set[int] = set()
        for codec in used:
            self._keep(codec)

    def assign(self, codec: Codec, feedback: tuple[str, ...], with_rtx: bool) -> Codec:
        """`codec` under a payload type of this connection.

        Raises `LimitError` where none is left.
        """
        known = next((c for c in self._codecs if fit(c, codec) == 0), None)
        if known is None:
            payload_type = self._pick(_PREFERRED[codec.name])
            # beside its codec, unless that has a number of the static range
            beside = payload_type + 1 if payload_type in _FREE else _FREE[0]
            rtx = self._pick(beside) if with_rtx else None
            known = replace(codec, payload_type=payload_type, rtx_payload_type=rtx)
            self._keep(known)
        if not with_rtx:
            known = replace(known, rtx_payload_type=None)
        return replace(known, feedback=feedback)

    def _keep(self, codec: Codec) -> None:
        self._codecs.append(codec)
        self._taken.add(codec.payload_type)
        if codec.rtx_payload_type is not None:
            self._taken.add(codec.rtx_payload_type)

    def _pick(self, preferred: int) -> int:
        choices: list[int] = [preferred, *_FREE]
        for payload_type in choices:
            if payload_type not in self._taken:
                self._taken.add(payload_type)
                return payload_type
        raise LimitError("payload_types", len(self._taken))
