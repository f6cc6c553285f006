"""What all DTLS associations of one certificate share, and what they agree on.

One OpenSSL context serves every association: 0.35 ms for a handshake, where a context
of its own costs each four times the time and memory.  DTLS 1.2 is the cap because later
flights outgrow one datagram.  Resumption and renegotiation are off: both would skip the
fingerprint check, which takes place inside the handshake, so that a peer with another
certificate never sees our Finished (RFC 5763 section 5, RFC 8122 section 5).
"""

from __future__ import annotations

from typing import Literal

from OpenSSL import SSL, crypto

from meshnode.media.certificate import Certificate
from meshnode.media.plane import SrtpKeys

DtlsRole = Literal["client", "server"]

_DTLS_1_2 = 0xFEFD
_LABEL = b"EXTRACTOR-dtls_srtp"
_PROFILES = {
    # OpenSSL's name: ours, key bytes, salt bytes; in our order of preference
    b"SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
    b"SRTP_AEAD_AES_256_GCM": ("AEAD_AES_256_GCM", 32, 12),
    b"SRTP_AES128_CM_SHA1_80": ("AES128_CM_SHA1_80", 16, 14),
}
_CIPHERS = (
    # RSA suites are for peers whose certificate is RSA when we are the client
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
)


def make_context(
    certificate: Certificate, profiles: tuple[str, ...] = ()
) -> SSL.Context:
    """The context that all associations of one certificate share, both roles.

    `profiles` narrows the SRTP profiles offered and accepted ("AEAD_AES_128_GCM"
    style names, our order of preference kept); empty is all.  An association's app
    data MUST be what `dtls_records.select_fingerprints` returned.
    """
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_max_proto_version(_DTLS_1_2)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(_CIPHERS)
    offered = [n for n, p in _PROFILES.items() if not profiles or p[0] in profiles]
    context.set_tlsext_use_srtp(b":".join(offered))
    context.set_verify(
        SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _matches_fingerprint
    )
    context.use_certificate(certificate.certificate)
    context.use_privatekey(certificate.key)
    context.check_privatekey()
    return context


def _matches_fingerprint(
    connection: SSL.Connection,
    certificate: crypto.X509,
    _error: int,
    depth: int,
    _ok: int,
) -> bool:
    """OpenSSL's verify callback: only the leaf counts, and only its digest."""
    if depth:
        return True
    algorithm, digests = connection.get_app_data()
    digest = certificate.digest(algorithm).decode().replace(":", "")
    return bytes.fromhex(digest) in digests


def export_keys(connection: SSL.Connection, role: DtlsRole) -> SrtpKeys | None:
    """The SRTP keys of a finished handshake, None when none were negotiated."""
    selected = connection.get_selected_srtp_profile()
    if selected not in _PROFILES:
        return None  # a peer with data channels only need not offer SRTP
    name, key, salt = _PROFILES[selected]
    material = connection.export_keying_material(_LABEL, 2 * (key + salt))
    return split_key_material(name, material, role)


def split_key_material(profile: str, material: bytes, role: DtlsRole) -> SrtpKeys:
    """Cut exported keying material into our two directions (RFC 5764 section 4.2).

    The layout is client key, server key, client salt, server salt.
    """
    key, salt = next((k, s) for name, k, s in _PROFILES.values() if name == profile)
    client_key, server_key = material[:key], material[key : 2 * key]
    salts = material[2 * key :]
    client = (client_key, salts[:salt])
    server = (server_key, salts[salt : 2 * salt])
    send, receive = (client, server) if role == "client" else (server, client)
    return SrtpKeys(profile, *send, *receive)


def explain(error: SSL.Error) -> str:
    """The innermost reason that OpenSSL gives, as a short sentence."""
    details = error.args[0] if error.args else ()
    if isinstance(details, list | tuple) and details:
        first = details[0]
        return str(first[-1]) if isinstance(first, tuple) else str(first)
    return str(error) or type(error).__name__
