"""SRTP with AES-GCM (RFC 7714), 40 lines of arithmetic around one AEAD call.

The nonce is SSRC, rollover counter and sequence number xored with the salt, so per SSRC
it is one constant xored with the packet index.  The RTP header is associated data.  For
SRTCP the index is a counter of its own that travels in the packet (section 9).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meshnode.media.srtp_keys import SessionKeys
from meshnode.media.srtp_packets import (
    RTCP_ENCRYPTED,
    RTCP_INDEX_MASK,
    OutPacket,
    OutPackets,
    ReceiveWindows,
    RtcpCounters,
    SendWindows,
    header_length,
)
from meshnode.media.srtp_window import Window
from meshproto.errors import DecodeError, StateError

TAG_BYTES = 16


class GcmOutbound:
    """Sending direction of an AEAD profile."""

    __slots__ = ("_counters", "_encrypt", "_rtcp", "_rtcp_salt", "_windows", "refused")

    def __init__(self, keys: SessionKeys, ssrcs: int, *, earlier: bool = False) -> None:
        self.refused = 0
        self._encrypt = AESGCM(keys.rtp_key).encrypt
        self._rtcp = AESGCM(keys.rtcp_key)
        self._rtcp_salt = int.from_bytes(keys.rtcp_salt, "big")
        salt = int.from_bytes(keys.rtp_salt, "big")
        self._windows = SendWindows(ssrcs, salt, 48, earlier=earlier)
        self._counters = RtcpCounters(ssrcs)

    def protect_burst(self, packets: OutPackets) -> list[bytes]:
        """See `srtp.Outbound`."""
        pieces: list[bytes] = []
        encrypt, windows = self._encrypt, self._windows
        for header, payload, ssrc, index in packets:
            window = windows.get(ssrc) or windows.open(ssrc, index)
            if index == window.highest + 1 and not window.missing:
                window.highest = index
            elif not window.claim(index):
                self.refused += 1
                continue
            pieces.append(header)
            nonce = (window.nonce ^ index).to_bytes(12, "big")
            pieces.append(encrypt(nonce, payload, header))
        return pieces

    def repeat(self, packet: OutPacket) -> list[bytes]:
        """See `srtp.Outbound`."""
        header, payload, ssrc, index = packet
        nonce = (self._windows.nonce(ssrc) ^ index).to_bytes(12, "big")
        return [header, self._encrypt(nonce, payload, header)]

    def protect(self, header: bytes, payload: bytes) -> bytes:
        """See `srtp.Outbound`."""
        ssrc, index = self._windows.index(header)
        pieces = self.protect_burst(((header, payload, ssrc, index),))
        if not pieces:
            raise StateError(f"RTP index {index} would be protected twice")
        return pieces[1]

    def protect_rtcp(self, packet: bytes) -> bytes:
        """See `srtp.Outbound`."""
        index = self._counters.next(packet[4:8])
        trailer = (RTCP_ENCRYPTED | index).to_bytes(4, "big")
        nonce = _rtcp_nonce(self._rtcp_salt, packet, index)
        header = packet[:8]
        return (
            header + self._rtcp.encrypt(nonce, packet[8:], header + trailer) + trailer
        )


class GcmInbound:
    """Receiving direction of an AEAD profile."""

    __slots__ = (
        "_decrypt",
        "_rtcp",
        "_rtcp_salt",
        "_rtcp_windows",
        "_salt",
        "_windows",
    )

    def __init__(self, keys: SessionKeys, ssrcs: int, *, replace: bool = False) -> None:
        self._decrypt = AESGCM(keys.rtp_key).decrypt
        self._salt = int.from_bytes(keys.rtp_salt, "big")
        self._rtcp = AESGCM(keys.rtcp_key)
        self._rtcp_salt = int.from_bytes(keys.rtcp_salt, "big")
        self._windows = ReceiveWindows(ssrcs, replace=replace)
        self._rtcp_windows = ReceiveWindows(ssrcs)

    def unprotect(self, packet: bytes) -> bytes:
        """See `srtp.Inbound`."""
        size = header_length(packet, TAG_BYTES)
        window = self._windows.get(packet[8:12])
        index = self.index(packet, window)
        if window is None:
            self._windows.check_room("srtp-ssrcs")
            constant = self._salt ^ int.from_bytes(packet[8:12], "big") << 48
        else:
            constant = window.nonce
            if not window.is_fresh(index):
                raise DecodeError("srtp-replay")
        header = packet[:size]
        nonce = (constant ^ index).to_bytes(12, "big")
        try:
            plain = self._decrypt(nonce, packet[size:], header)
        except InvalidTag:
            raise DecodeError("srtp-auth") from None
        if window is None:
            self._windows.open(packet[8:12], index, constant)
        else:
            window.accept(index)
        return header + plain

    def index(self, packet: bytes, window: Window | None) -> int:
        """The likeliest index of a packet (RFC 3711 section 3.3.1)."""
        sequence = packet[2] << 8 | packet[3]
        return sequence if window is None else window.estimate(sequence)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """See `srtp.Inbound`."""
        if len(packet) < 8 + TAG_BYTES + 4 or packet[0] >> 6 != 2:
            raise DecodeError("srtcp-short")
        trailer = packet[-4:]
        word = int.from_bytes(trailer, "big")
        index = word & RTCP_INDEX_MASK
        self._rtcp_windows.check(packet[4:8], index)
        # Unencrypted packets carry everything as associated data (section 9.3).
        clear = packet[:8] if word & RTCP_ENCRYPTED else packet[: -4 - TAG_BYTES]
        nonce = _rtcp_nonce(self._rtcp_salt, packet, index)
        try:
            plain = self._rtcp.decrypt(nonce, packet[len(clear) : -4], clear + trailer)
        except InvalidTag:
            raise DecodeError("srtcp-auth") from None
        self._rtcp_windows.mark(packet[4:8], index)
        return clear + plain


def _rtcp_nonce(salt: int, packet: bytes, index: int) -> bytes:
    """RFC 7714 section 9.1: two zero bytes, SSRC, two zero bytes, index; salted."""
    ssrc = int.from_bytes(packet[4:8], "big")
    return (salt ^ ssrc << 48 ^ index).to_bytes(12, "big")
