"""Peer ids and public keys of libp2p (RFC 0005 section 2, RFC 0008 section 3.2).

The id of a key is a multihash of its protobuf: the octets themselves up to 42 of them
(every Ed25519 key: 00 24 08 01 12 20 and 32 octets), SHA-256 above that.  Only ids that
hold their key can be checked without being told it, and only Ed25519 is a `NodeId`.
"""

from __future__ import annotations

import hashlib

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import protobuf

KEY_OCTETS = 32
INLINE_OCTETS_MAX = 42
_IDENTITY, _SHA256 = b"\x00", b"\x12\x20"
_ED25519_KEY = bytes.fromhex("08011220")
_ED25519_ID = b"\x00\x24" + _ED25519_KEY
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TEXT_MAX = 64


def from_public_key(message: bytes) -> bytes:
    """The id of a key given as its libp2p protobuf (type and data)."""
    if len(message) <= INLINE_OCTETS_MAX:
        return _IDENTITY + bytes((len(message),)) + message
    return _SHA256 + hashlib.sha256(message).digest()


def from_ed25519(key: bytes) -> NodeId:
    """The `NodeId` of a raw Ed25519 public key of 32 octets."""
    if len(key) != KEY_OCTETS:
        raise DecodeError("peer-id-key")
    return NodeId(_ED25519_ID + key)


def ed25519_key(peer: bytes) -> bytes:
    """The raw Ed25519 public key inside a peer id; refuses every other id."""
    if len(peer) != len(_ED25519_ID) + KEY_OCTETS or not peer.startswith(_ED25519_ID):
        raise DecodeError("peer-id-kind")
    return peer[-KEY_OCTETS:]


def public_key_message(key: bytes) -> bytes:
    """The libp2p protobuf of a raw Ed25519 public key."""
    return _ED25519_KEY + key


def ed25519_from_private(message: bytes) -> bytes:
    """The public protobuf inside a private Ed25519 key's (seed, then public key)."""
    kind, data = -1, b""
    for number, _, value in protobuf.fields(message):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes):
            data = value
    if kind != 1 or len(data) not in {64, 96}:
        raise DecodeError("peer-id-private")
    return public_key_message(data[32:64])


def to_text(peer: bytes) -> str:
    """The base58btc text of an id, as people write it (`12D3KooW...`)."""
    number, digits = int.from_bytes(peer, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "1" * (len(peer) - len(peer.lstrip(b"\0"))) + digits


def from_text(text: str) -> bytes:
    """The id that `to_text` wrote; raises `DecodeError`."""
    if not 0 < len(text) <= _TEXT_MAX:
        raise DecodeError("peer-id-text")
    number = 0
    for letter in text:
        digit = _BASE58.find(letter)
        if digit < 0:
            raise DecodeError("peer-id-text")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
