"""SRTP with AES counter mode and HMAC-SHA1-80 (RFC 3711, RFC 5764 section 4.1.2).

For peers that know nothing else (GStreamer).  The cipher object is made once and given
a new counter block per packet; the HMAC's two key blocks are hashed once and copied per
packet.  That is faster than libsrtp through its Python binding, which also refuses to
protect packets above 1356 bytes, and GStreamer sends up to 1400.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

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
from meshproto.errors import DecodeError, StateError

TAG_BYTES = 10
_BLOCK_BYTES = 64


class HmacSha1:
    """HMAC-SHA1 under one key (RFC 2104), with its key blocks hashed beforehand."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) > _BLOCK_BYTES:
            key = hashlib.sha1(key).digest()  # noqa: S324
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha1(bytes(b ^ 0x36 for b in block))  # noqa: S324
        self._outer = hashlib.sha1(bytes(b ^ 0x5C for b in block))  # noqa: S324

    def digest(self, first: bytes, second: bytes, third: bytes) -> bytes:
        """20 bytes over the three pieces in order."""
        inner = self._inner.copy()
        inner.update(first)
        inner.update(second)
        inner.update(third)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


class _CounterMode:
    """AES in counter mode; encrypting and decrypting are the same."""

    __slots__ = ("_context", "salt")

    def __init__(self, key: bytes, salt: bytes) -> None:
        self.salt = int.from_bytes(salt, "big") << 16
        cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16)))
        self._context = cipher.encryptor()

    def apply(self, block: int, data: bytes) -> bytes:
        """En- or decrypt from counter block `block` (RFC 3711 section 4.1.1)."""
        self._context.reset_nonce(block.to_bytes(16, "big"))
        return self._context.update(data)

    def rtcp_block(self, packet: bytes, index: int) -> int:
        """The counter block of an SRTCP packet."""
        ssrc = int.from_bytes(packet[4:8], "big")
        return self.salt ^ ssrc << 64 ^ index << 16


class CmOutbound:
    """Sending direction of AES128_CM_SHA1_80."""

    __slots__ = (
        "_auth",
        "_cipher",
        "_counters",
        "_rtcp",
        "_rtcp_auth",
        "_windows",
        "refused",
    )

    def __init__(self, keys: SessionKeys, ssrcs: int) -> None:
        self.refused = 0
        self._cipher = _CounterMode(keys.rtp_key, keys.rtp_salt)
        self._auth = HmacSha1(keys.rtp_auth)
        self._rtcp = _CounterMode(keys.rtcp_key, keys.rtcp_salt)
        self._rtcp_auth = HmacSha1(keys.rtcp_auth)
        self._windows = SendWindows(ssrcs, self._cipher.salt, 64)
        self._counters = RtcpCounters(ssrcs)

    def protect_burst(self, packets: OutPackets) -> list[bytes]:
        """See `srtp.Outbound`."""
        pieces: list[bytes] = []
        windows = self._windows
        for header, payload, ssrc, index in packets:
            window = windows.get(ssrc) or windows.open(ssrc, index)
            if index == window.highest + 1 and not window.missing:
                window.highest = index
            elif not window.claim(index):
                self.refused += 1
                continue
            pieces.append(header)
            pieces.append(self._seal(header, payload, window.nonce, index))
        return pieces

    def _seal(self, header: bytes, payload: bytes, nonce: int, index: int) -> bytes:
        sealed = self._cipher.apply(nonce ^ index << 16, payload)
        rollover = (index >> 16).to_bytes(4, "big")
        return sealed + self._auth.digest(header, sealed, rollover)[:TAG_BYTES]

    def repeat(self, packet: OutPacket) -> list[bytes]:
        """See `srtp.Outbound`."""
        header, payload, ssrc, index = packet
        return [header, self._seal(header, payload, self._windows.nonce(ssrc), index)]

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
        block = self._rtcp.rtcp_block(packet, index)
        header, sealed = packet[:8], self._rtcp.apply(block, packet[8:])
        tag = self._rtcp_auth.digest(header, sealed, trailer)[:TAG_BYTES]
        return header + sealed + trailer + tag


class CmInbound:
    """Receiving direction of AES128_CM_SHA1_80."""

    __slots__ = ("_auth", "_cipher", "_rtcp", "_rtcp_auth", "_rtcp_windows", "_windows")

    def __init__(self, keys: SessionKeys, ssrcs: int) -> None:
        self._cipher = _CounterMode(keys.rtp_key, keys.rtp_salt)
        self._auth = HmacSha1(keys.rtp_auth)
        self._rtcp = _CounterMode(keys.rtcp_key, keys.rtcp_salt)
        self._rtcp_auth = HmacSha1(keys.rtcp_auth)
        self._windows = ReceiveWindows(ssrcs)
        self._rtcp_windows = ReceiveWindows(ssrcs)

    def unprotect(self, packet: bytes) -> bytes:
        """See `srtp.Inbound`."""
        size = header_length(packet, TAG_BYTES)
        window = self._windows.get(packet[8:12])
        sequence = packet[2] << 8 | packet[3]
        if window is None:
            self._windows.check_room("srtp-ssrcs")
            index = sequence
            constant = self._cipher.salt ^ int.from_bytes(packet[8:12], "big") << 64
        else:
            constant = window.nonce
            index = window.estimate(sequence)
            if not window.is_fresh(index):
                raise DecodeError("srtp-replay")
        header, sealed = packet[:size], packet[size:-TAG_BYTES]
        rollover = (index >> 16).to_bytes(4, "big")
        tag = self._auth.digest(header, sealed, rollover)[:TAG_BYTES]
        if not hmac.compare_digest(tag, packet[-TAG_BYTES:]):
            raise DecodeError("srtp-auth")
        if window is None:
            self._windows.open(packet[8:12], index, constant)
        else:
            window.accept(index)
        return header + self._cipher.apply(constant ^ index << 16, sealed)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """See `srtp.Inbound`."""
        if len(packet) < 8 + 4 + TAG_BYTES or packet[0] >> 6 != 2:
            raise DecodeError("srtcp-short")
        trailer = packet[-TAG_BYTES - 4 : -TAG_BYTES]
        word = int.from_bytes(trailer, "big")
        index = word & RTCP_INDEX_MASK
        self._rtcp_windows.check(packet[4:8], index)
        header, sealed = packet[:8], packet[8 : -TAG_BYTES - 4]
        tag = self._rtcp_auth.digest(header, sealed, trailer)[:TAG_BYTES]
        if not hmac.compare_digest(tag, packet[-TAG_BYTES:]):
            raise DecodeError("srtcp-auth")
        self._rtcp_windows.mark(packet[4:8], index)
        if not word & RTCP_ENCRYPTED:
            return header + sealed
        block = self._rtcp.rtcp_block(packet, index)
        return header + self._rtcp.apply(block, sealed)
