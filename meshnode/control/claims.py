"""Claim keys: what makes a name on one node the same stream on another (RFC 0005 2.1).

A stream is its name and the key that claims it.  The key is derived from the secret
that the publisher showed, so a publisher who comes to another node with the same
secret brings the same claim there, and the stream moves.  Without a secret the node
claims the name by its own key.  Secrets that people choose are stretched before they
get here, because a claim key is public and could otherwise be used to try them out.
"""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from meshproto.ids import NodeId, StreamId, StreamName
from meshproto.wire.control.directory import Claim, stream_id

SECRET_OCTETS_MIN = 32
CLAIM_LIFE_S = 30 * 86_400
"""A publisher that stays longer claims anew; a dead one is forgotten long before."""

_INFO = b"meshnode claim key 1"


def claim_key(secret: bytes, name: StreamName) -> Ed25519PrivateKey:
    """The key by which the holder of `secret` (32 octets, uniform) claims `name`."""
    if len(secret) < SECRET_OCTETS_MIN:
        raise ValueError("a claim secret has 32 octets")
    derived = HKDF(SHA256(), 32, salt=None, info=_INFO + name.encode()).derive(secret)
    return Ed25519PrivateKey.from_private_bytes(derived)


def public_octets(key: Ed25519PrivateKey) -> bytes:
    """The public half, as claims hold it."""
    return key.public_key().public_bytes_raw()


def stream_of(key: Ed25519PrivateKey, name: StreamName) -> StreamId:
    """The stream that `key` calls `name`."""
    return stream_id(public_octets(key), name)


def make_claim(
    key: Ed25519PrivateKey, name: StreamName, origin: NodeId, counter: int, now_ms: int
) -> Claim:
    """A signed claim that lets `origin` publish `name`."""
    expires_ms = now_ms + CLAIM_LIFE_S * 1000
    bare = Claim(public_octets(key), name, origin, counter, expires_ms)
    return replace(bare, signature=key.sign(bare.signed_part()))
