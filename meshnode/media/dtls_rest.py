"""Reading one thing only: whether the peer says goodbye.

An association costs 70 KiB inside OpenSSL.  Without data channels nothing comes over it
after the handshake but, some day, a close_notify.  So its receiving key is derived once
(RFC 5246 section 6.3), OpenSSL's state is let go, and records are opened here: the AEAD
suites are a few lines each (RFC 5288, RFC 7905).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from OpenSSL import SSL

from meshnode.media import dtls_records as records
from meshnode.media.dtls_context import DtlsRole
from meshproto.errors import DecodeError

TAG_BYTES = 16
_SUITES = {
    # the end of OpenSSL's name: key bytes, fixed nonce bytes, hash
    "AES128-GCM-SHA256": (16, 4, "sha256"),
    "AES256-GCM-SHA384": (32, 4, "sha384"),
    "CHACHA20-POLY1305": (32, 12, "sha256"),
}


def expand(secret: bytes, seed: bytes, length: int, algorithm: str) -> bytes:
    """P_hash, the pseudorandom function of TLS 1.2 (RFC 5246 section 5)."""
    made, block = b"", seed
    while len(made) < length:
        block = hmac.digest(secret, block, algorithm)
        made += hmac.digest(secret, block + seed, algorithm)
    return made[:length]


class AlertReader:
    """Opens the peer's records of one association."""

    __slots__ = ("_explicit", "_nonce", "_open")

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._explicit = len(nonce) == 4
        self._nonce = nonce
        aead: AESGCM | ChaCha20Poly1305
        aead = AESGCM(key) if self._explicit else ChaCha20Poly1305(key)
        self._open: Callable[[bytes, bytes, bytes], bytes] = aead.decrypt

    def alert(self, record: bytes) -> tuple[int, int] | None:
        """(level, description) of an alert record, None for anything else.

        Raises `DecodeError` for a record that does not prove genuine.
        """
        if record[0] != records.ALERT or records.epoch(record) != 1:
            return None
        number, body = record[3:11], record[records.HEADER_BYTES :]
        if self._explicit:
            nonce, body = self._nonce + body[:8], body[8:]
        else:
            mask = int.from_bytes(self._nonce, "big")
            nonce = (mask ^ int.from_bytes(number, "big")).to_bytes(12, "big")
        size = len(body) - TAG_BYTES
        if size != 2:
            raise DecodeError("dtls-alert")
        head = number + record[:3] + size.to_bytes(2, "big")
        try:
            plain = self._open(nonce, body, head)
        except InvalidTag:
            raise DecodeError("dtls-auth") from None
        return plain[0], plain[1]


def reader_of(connection: SSL.Connection, role: DtlsRole) -> AlertReader | None:
    """A reader for what the peer of a connected association sends.

    None for a suite that is not an AEAD.
    """
    name = connection.get_cipher_name() or ""
    suite = next((s for s in _SUITES if name.endswith(s)), None)
    if suite is None:
        return None
    key, fixed, algorithm = _SUITES[suite]
    server, client = connection.server_random(), connection.client_random()
    master = connection.master_key()
    if server is None or client is None or master is None:
        return None  # OpenSSL has them all once connected; its types say otherwise
    seed = b"key expansion" + server + client
    block = expand(master, seed, 2 * (key + fixed), algorithm)
    peer = 0 if role == "server" else 1
    start = 2 * key + peer * fixed
    return AlertReader(block[peer * key :][:key], block[start : start + fixed])
