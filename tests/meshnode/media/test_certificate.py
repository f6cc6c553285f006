from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from meshnode.media import certificate as module
from meshnode.media.certificate import FILE_NAME, Certificate
from meshproto.errors import StateError


def test_the_fingerprint_is_sha_256_of_the_certificate() -> None:
    made = Certificate.generate()
    der = made.certificate.public_bytes(serialization.Encoding.DER)
    assert made.fingerprint == (hashlib.sha256(der).digest().hex(":").upper())


def test_a_restart_keeps_the_fingerprint(tmp_path: Path) -> None:
    first = Certificate.load_or_generate(tmp_path / "data")
    assert Certificate.load_or_generate(tmp_path / "data").fingerprint == (
        first.fingerprint
    )
    assert sorted(os.listdir(tmp_path / "data")) == [FILE_NAME]


def test_the_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Certificate.load_or_generate(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_without_a_directory_nothing_is_kept() -> None:
    assert Certificate.load_or_generate(None).fingerprint != (
        Certificate.load_or_generate(None).fingerprint
    )


def test_an_expiring_certificate_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIFETIME_DAYS", 20)
    old = Certificate.load_or_generate(tmp_path)
    monkeypatch.undo()
    fresh = Certificate.load_or_generate(tmp_path)
    assert fresh.fingerprint != old.fingerprint
    assert fresh.days_left() > 360


def test_an_unusable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("not a certificate")
    with pytest.raises(StateError, match=FILE_NAME):
        Certificate.load_or_generate(tmp_path)


def test_a_key_of_another_kind_or_pair_is_refused(tmp_path: Path) -> None:
    made, other = Certificate.generate(), Certificate.generate()
    mixed = Certificate(other.key, made.certificate)
    mixed.save(tmp_path / FILE_NAME)
    with pytest.raises(StateError, match="belong together"):
        Certificate.load_or_generate(tmp_path)
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = made.certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / FILE_NAME).write_bytes(key + pem)
    with pytest.raises(StateError, match="not ECDSA"):
        Certificate.load_or_generate(tmp_path)


def test_nothing_personal_is_in_the_name() -> None:
    name = Certificate.generate().certificate.subject
    (attribute,) = list(name)
    assert attribute.oid == x509.NameOID.COMMON_NAME
    assert len(bytes.fromhex(str(attribute.value))) == 16
