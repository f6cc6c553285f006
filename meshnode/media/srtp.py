"""SRTP and SRTCP: what the plane calls, whatever the profile.

One `Outbound` and one `Inbound` per transport, made from the keys of its handshake.
The header is handed over apart from the payload and the ciphertext comes back alone, so
that nothing is joined: a burst leaves as a list of such pieces in one system call.

Both directions authenticate before anything is remembered (RFC 3711 section 3.3): a
forged packet costs one decryption and changes nothing.  The number of SSRCs is bounded,
because each needs a window.
"""

from __future__ import annotations

from typing import Protocol

from meshnode.media.plane import SrtpKeys
from meshnode.media.srtp_cm import CmInbound, CmOutbound
from meshnode.media.srtp_gcm import GcmInbound, GcmOutbound
from meshnode.media.srtp_keys import PROFILES, session_keys
from meshnode.media.srtp_legs import LegInbound, LegOutbound
from meshnode.media.srtp_packets import OutPacket, OutPackets
from meshproto.errors import StateError

SSRCS_MAX = 64


class Outbound(Protocol):
    """Protects what we send.

    `refused` counts packets that were not protected because their index may have been
    used: a second use of a nonce would give away the key (RFC 7714 section 8.1).
    """

    refused: int

    def protect_burst(self, packets: OutPackets) -> list[bytes]:
        """Encrypt packets of known index; returns header, ciphertext, header, ...

        Raises `LimitError` for too many SSRCs.
        """

    def repeat(self, packet: OutPacket) -> list[bytes]:
        """Header and ciphertext of a packet that was protected before, unaltered.

        The caller's duty: it must be the very packet, or the nonce is lost.
        """

    def protect(self, header: bytes, payload: bytes) -> bytes:
        """Encrypt one RTP packet; returns what follows the header, tag included.

        The index is guessed as a receiver would.  Raises `StateError` when it was used
        already or is too old to know.
        """

    def protect_rtcp(self, packet: bytes) -> bytes:
        """The whole SRTCP packet of a compound RTCP packet."""


class Inbound(Protocol):
    """Verifies and decrypts what arrives."""

    def unprotect(self, packet: bytes) -> bytes:
        """The plain RTP packet.  Raises `DecodeError` (reason `srtp-*`)."""

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The plain compound RTCP packet.  Raises `DecodeError` (reason `srtcp-*`)."""


def make_outbound(keys: SrtpKeys, ssrcs: int = SSRCS_MAX) -> Outbound:
    """The sending direction; `ssrcs` bounds how many we may send."""
    derived = session_keys(keys.profile, keys.send_key, keys.send_salt)
    if PROFILES[keys.profile].gcm:
        return GcmOutbound(derived, ssrcs)
    return CmOutbound(derived, ssrcs)


def make_inbound(keys: SrtpKeys, ssrcs: int = SSRCS_MAX) -> Inbound:
    """The receiving direction; `ssrcs` bounds how many the remote may use."""
    derived = session_keys(keys.profile, keys.receive_key, keys.receive_salt)
    if PROFILES[keys.profile].gcm:
        return GcmInbound(derived, ssrcs)
    return CmInbound(derived, ssrcs)


def make_legs(keys: SrtpKeys) -> tuple[Inbound, Outbound]:
    """Both directions of a link between nodes.  Raises `StateError` unless GCM."""
    if not PROFILES[keys.profile].gcm:
        raise StateError("a link between nodes needs AES-GCM")
    received = session_keys(keys.profile, keys.receive_key, keys.receive_salt)
    sent = session_keys(keys.profile, keys.send_key, keys.send_salt)
    return LegInbound(received), LegOutbound(sent)


def overhead_bytes(profile: str) -> int:
    """Bytes that protecting adds to an RTP packet."""
    if profile not in PROFILES:
        raise StateError(f"unknown SRTP profile {profile!r}")
    return PROFILES[profile].tag_bytes
