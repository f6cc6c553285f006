"""The node's DTLS certificate: made once, self-signed, known by its fingerprint.

WebRTC peers do not check names, chains or dates; they compare the fingerprint that
signalling carried (RFC 8827 section 6.5).  A P-256 key keeps the whole server flight
below 800 bytes, where RSA would need several datagrams.  With a data directory the
certificate is kept, so that a restarted node keeps its fingerprint; the file holds the
private key and is readable by its owner only.
"""

from __future__ import annotations

import datetime
import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshproto.errors import StateError

FILE_NAME = "dtls.pem"
LIFETIME_DAYS = 365
RENEW_DAYS = 30


class Certificate:
    """A private key with its self-signed certificate."""

    __slots__ = ("certificate", "key")

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        self.key = key
        self.certificate = certificate

    @classmethod
    def generate(cls) -> Certificate:
        """Make a new key and certificate (0.2 ms) with nothing personal in it."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _self_sign(key))

    @classmethod
    def load_or_generate(cls, directory: Path | None) -> Certificate:
        """The certificate kept in `directory`, made and kept there when missing or
        about to expire.  None keeps nothing.  Raises `StateError` for an unusable file.
        """
        if directory is None:
            return cls.generate()
        path = directory / FILE_NAME
        found = cls._load(path) if path.exists() else None
        if found is not None and found.days_left() > RENEW_DAYS:
            return found
        made = cls.generate()
        made.save(path)
        return made

    @property
    def fingerprint(self) -> str:
        """The SHA-256 fingerprint as "AB:CD:...", for `a=fingerprint:sha-256`."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def days_left(self) -> float:
        """Days until the certificate expires (negative once it has)."""
        now = datetime.datetime.now(datetime.UTC)
        return (self.certificate.not_valid_after_utc - now).total_seconds() / 86400

    def __repr__(self) -> str:
        return f"<Certificate {self.fingerprint[:11]} {self.days_left():.0f} days left>"

    @classmethod
    def _load(cls, path: Path) -> Certificate:
        pem = path.read_bytes()
        try:
            key = serialization.load_pem_private_key(pem, None)
            certificate = x509.load_pem_x509_certificate(pem)
        except (ValueError, TypeError) as error:
            raise StateError(f"{path} holds no usable certificate: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise StateError(f"{path} holds a key that is not ECDSA")
        if key.public_key() != certificate.public_key():
            raise StateError(f"{path}: key and certificate do not belong together")
        return cls(key, certificate)

    def save(self, path: Path) -> None:
        """Write key and certificate to `path`, readable by the owner only."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ) + self.certificate.public_bytes(serialization.Encoding.PEM)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        # A crash between the two leaves the old file whole.
        scratch.replace(path)


def _self_sign(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, secrets.token_hex(16))])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=LIFETIME_DAYS))
        .sign(key, hashes.SHA256())
    )
