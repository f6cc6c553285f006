"""From the keys of a handshake to the session keys of SRTP (RFC 3711 section 4.3).

The derivation is AES in counter mode over the master salt with a label mixed in; the
AEAD profiles use the same one with a 12 byte salt (RFC 7714 section 11).  The key
derivation rate is 0, as DTLS-SRTP demands, so every key is derived once.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from meshproto.errors import StateError

_RTP_KEY, _RTP_AUTH, _RTP_SALT, _RTCP_KEY, _RTCP_AUTH, _RTCP_SALT = range(6)
_AUTH_BYTES = 20


@dataclass(frozen=True, slots=True)
class Profile:
    """Sizes of an SRTP protection profile in bytes; `gcm` tells AEAD from counter
    mode with HMAC-SHA1.
    """

    name: str
    key_bytes: int
    salt_bytes: int
    tag_bytes: int
    gcm: bool


PROFILES = {
    p.name: p
    for p in (
        Profile("AEAD_AES_128_GCM", 16, 12, 16, gcm=True),
        Profile("AEAD_AES_256_GCM", 32, 12, 16, gcm=True),
        Profile("AES128_CM_SHA1_80", 16, 14, 10, gcm=False),
    )
}
"""Every profile we speak, in our order of preference (RFC 5764, RFC 7714)."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The derived keys of one direction; the `auth` ones are empty with AEAD."""

    rtp_key: bytes
    rtp_salt: bytes
    rtcp_key: bytes
    rtcp_salt: bytes
    rtp_auth: bytes = b""
    rtcp_auth: bytes = b""


def derive(master_key: bytes, master_salt: bytes, label: int, length: int) -> bytes:
    """One session key of `length` bytes (RFC 3711 section 4.3.1, rate 0)."""
    # A 12 byte salt is read as if two zero bytes followed it.
    salt = int.from_bytes(master_salt.ljust(14, b"\0"), "big")
    start = ((salt ^ label << 48) << 16).to_bytes(16, "big")
    cipher = Cipher(algorithms.AES(master_key), modes.CTR(start))
    return cipher.encryptor().update(bytes(length))


def session_keys(profile: str, key: bytes, salt: bytes) -> SessionKeys:
    """All session keys of one direction.  Raises `StateError` for wrong sizes."""
    sizes = PROFILES.get(profile)
    if sizes is None or (len(key), len(salt)) != (sizes.key_bytes, sizes.salt_bytes):
        raise StateError(f"SRTP keys do not fit profile {profile!r}")

    def make(label: int, length: int) -> bytes:
        return derive(key, salt, label, length)

    return SessionKeys(
        rtp_key=make(_RTP_KEY, sizes.key_bytes),
        rtp_salt=make(_RTP_SALT, sizes.salt_bytes),
        rtcp_key=make(_RTCP_KEY, sizes.key_bytes),
        rtcp_salt=make(_RTCP_SALT, sizes.salt_bytes),
        rtp_auth=b"" if sizes.gcm else make(_RTP_AUTH, _AUTH_BYTES),
        rtcp_auth=b"" if sizes.gcm else make(_RTCP_AUTH, _AUTH_BYTES),
    )
