"""SRTP between nodes: the index stands in the packet (RFC 0003 section 13.2).

A leg begins anywhere in its origin's numbers, so that a receiver could not guess the
roll-over counter; it reads it from the clear header, and a wrong one fails to
authenticate.  Legs come and go for as long as the link lives, each with 16 SSRCs that
are never used again: the receiver lets the windows of the oldest go, for packets of a
leg that ended are refused by their alias, and repeated ones by the history.
"""

from __future__ import annotations

from meshnode.media.srtp_gcm import GcmInbound, GcmOutbound
from meshnode.media.srtp_keys import SessionKeys
from meshnode.media.srtp_packets import OutPacket
from meshnode.media.srtp_window import Window
from meshproto.forwarding.relay.wire import srtp_index

SENT_SSRCS_MAX = 1 << 18
"""SSRCs sent under the keys of one link: 16,000 legs with all their slots."""

HEARD_SSRCS_MAX = 4096
"""Windows kept: 256 legs with all their slots."""


class LegOutbound(GcmOutbound):
    """Sending direction of a link."""

    __slots__ = ()

    def __init__(self, keys: SessionKeys) -> None:
        super().__init__(keys, SENT_SSRCS_MAX, earlier=True)

    def repeat(self, packet: OutPacket) -> list[bytes]:
        """See `srtp.Outbound`; the packet may not have been sent before."""
        _, _, ssrc, index = packet
        window = self._windows.get(ssrc) or self._windows.open(ssrc, index)
        window.claim(index)
        return super().repeat(packet)


class LegInbound(GcmInbound):
    """Receiving direction of a link."""

    __slots__ = ()

    def __init__(self, keys: SessionKeys) -> None:
        super().__init__(keys, HEARD_SSRCS_MAX, replace=True)

    def index(self, packet: bytes, window: Window | None) -> int:
        """The index that the packet names.  Raises `DecodeError` without one."""
        del window
        return srtp_index(packet)
