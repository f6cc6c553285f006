"""Octets that only one node can read, without a round trip (RFC 0005 section 5.1).

A NodeId is an Ed25519 key, and the same curve in its other form serves X25519: the
public point maps by u = (1 + y) / (1 - y), the private scalar is what Ed25519 makes of
the seed (RFC 7748 section 4.1, RFC 8032 section 5.1.5).  One key pair may serve both
(Thormarker, "On using the same key pair for Ed25519 and an X25519 based KEM", IACR
ePrint 2021/509); besides, the two never hash the same octets here.

    seal = kind, ephemeral key, ChaCha20-Poly1305(key, nonce 0, plain, data = kind)
    key  = HKDF-SHA256(X25519(ephemeral, receiver),
                       info = text, kind, ephemeral key, NodeId of the receiver)

An ephemeral key makes one seal, so its derived key sees one nonce.  The seal says
nothing about the sender: what is inside is signed.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id

SEAL_OCTETS = 1 + 32 + 16
"""What a seal adds to its contents."""

_PRIME = 2**255 - 19
_CONTEXT = b"meshnode seal 1"
_NONCE = bytes(12)


class Keys(Protocol):
    """The Ed25519 key of a node; `seed` is secret."""

    @property
    def seed(self) -> bytes:
        """The 32 octets that everything derives from."""

    @property
    def node(self) -> NodeId:
        """What others call the holder."""

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`."""


class SealKind(Enum):
    """What is inside, for whoever has to pass it to the right hands."""

    DIAL = 1
    ANSWER = 2


def kind_of(sealed: bytes) -> SealKind:
    """What a seal says it holds; raises `DecodeError`."""
    try:
        return SealKind(sealed[0])
    except (IndexError, ValueError):
        raise DecodeError("seal-kind") from None


def seal(plain: bytes, receiver: NodeId, kind: SealKind) -> bytes:
    """`plain` for `receiver` alone; raises `DecodeError` for an id without a key."""
    return seal_with(X25519PrivateKey.generate(), plain, receiver, kind)


def seal_with(
    ephemeral: X25519PrivateKey, plain: bytes, receiver: NodeId, kind: SealKind
) -> bytes:
    """The same with a key that was never used and never will be again."""
    public = X25519PublicKey.from_public_bytes(montgomery_public(receiver))
    own = ephemeral.public_key().public_bytes_raw()
    head = bytes((kind.value,)) + own
    key = _derive(ephemeral, public, head, receiver)
    return head + ChaCha20Poly1305(key).encrypt(_NONCE, plain, head[:1])


def open_seal(sealed: bytes, keys: Keys) -> bytes:
    """What `seal` put in for the holder of `keys`; raises `DecodeError`."""
    kind_of(sealed)
    if len(sealed) < SEAL_OCTETS:
        raise DecodeError("seal-short")
    private = X25519PrivateKey.from_private_bytes(montgomery_private(keys.seed))
    public = X25519PublicKey.from_public_bytes(sealed[1:33])
    key = _derive(private, public, sealed[:33], keys.node)
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE, sealed[33:], sealed[:1])
    except InvalidTag:
        raise DecodeError("seal-auth") from None


def montgomery_public(node: NodeId) -> bytes:
    """The X25519 public key of a NodeId's Ed25519 key; raises `DecodeError`."""
    octets = int.from_bytes(peer_id.ed25519_key(node), "little")
    y = octets & (1 << 255) - 1
    if y >= _PRIME or y == 1:
        raise DecodeError("seal-key")
    u = (1 + y) * pow(1 - y, -1, _PRIME) % _PRIME
    return u.to_bytes(32, "little")


def montgomery_private(seed: bytes) -> bytes:
    """The X25519 private key of an Ed25519 seed; X25519 itself clamps it."""
    return hashlib.sha512(seed).digest()[:32]


def _derive(
    private: X25519PrivateKey, public: X25519PublicKey, head: bytes, receiver: NodeId
) -> bytes:
    try:
        shared = private.exchange(public)
    except ValueError:  # a point of small order: anybody could know the result
        raise DecodeError("seal-key") from None
    info = _CONTEXT + head + receiver
    return HKDF(hashes.SHA256(), 32, None, info).derive(shared)
