"""STUN messages (RFC 8489), as much of it as ICE and address discovery need.

`decode` is total and strict: magic cookie, exact length, whole words, every attribute
inside the message, and a FINGERPRINT, when there is one, that is last and right.  The
first of repeated attributes counts (section 14), and what follows MESSAGE-INTEGRITY is
ignored except FINGERPRINT (section 14.5): nobody vouches for it.

`verify` is apart from `decode`, because the key depends on the USERNAME inside.  Its
comparison takes the same time wherever the tags differ.

`encode` joins packed attributes to a message and seals it; which attributes a Binding
request or response carries is written in `stun_binding`.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from dataclasses import dataclass

from meshproto.errors import DecodeError
from meshproto.wire import stun_attributes as attributes

REQUEST, INDICATION, SUCCESS, ERROR = 0, 1, 2, 3
"""Message classes (section 5)."""

MAX_OCTETS = 1_500
"""Longer messages are refused: none of ours comes near, and it bounds the work."""

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_INTEGRITY_OCTETS = 24
_FINGERPRINT_OCTETS = 8
_INTEGRITY_HEAD = _ATTRIBUTE.pack(attributes.MESSAGE_INTEGRITY, 20)
_FINGERPRINT_HEAD = _ATTRIBUTE.pack(attributes.FINGERPRINT, 4)
_FINGERPRINT_MASK = 0x5354554E


@dataclass(frozen=True, slots=True)
class Message:
    """A well-formed message.

    `attributes` maps type to value, the first of each; MESSAGE-INTEGRITY among them is
    not verified yet.  `unknown` lists comprehension-required types not understood here
    (section 14), `integrity_offset` is where MESSAGE-INTEGRITY starts in `datagram`,
    0 if it is not there.
    """

    message_type: int
    transaction_id: bytes
    attributes: dict[int, bytes]
    unknown: tuple[int, ...]
    integrity_offset: int
    datagram: bytes

    @property
    def message_class(self) -> int:
        """REQUEST, INDICATION, SUCCESS or ERROR."""
        return self.message_type >> 4 & 1 | self.message_type >> 7 & 2

    @property
    def method(self) -> int:
        """The method, 1 is Binding; its bits surround those of the class."""
        kind = self.message_type
        return kind & 0xF | kind >> 1 & 0x70 | kind >> 2 & 0xF80

    @property
    def has_fingerprint(self) -> bool:
        """Whether a (correct) FINGERPRINT closes the message."""
        return attributes.FINGERPRINT in self.attributes


def decode(datagram: bytes) -> Message:
    """Read a message.  Raises `DecodeError`."""
    size = len(datagram)
    if size < _HEADER.size:
        raise DecodeError("stun-short")
    message_type, length, cookie, transaction_id = _HEADER.unpack_from(datagram)
    if message_type >> 14 or cookie != attributes.MAGIC_COOKIE:
        raise DecodeError("stun-header")
    if length + _HEADER.size != size or size & 3 or size > MAX_OCTETS:
        raise DecodeError("stun-length")
    found, integrity = _attributes(datagram)
    unknown = [k for k in found if k < 0x8000 and k not in attributes.UNDERSTOOD]
    return Message(
        message_type, transaction_id, found, tuple(unknown), integrity, datagram
    )


def _attributes(datagram: bytes) -> tuple[dict[int, bytes], int]:
    """Values by type, and where MESSAGE-INTEGRITY starts (0: nowhere)."""
    found: dict[int, bytes] = {}
    at, end, integrity = _HEADER.size, len(datagram), 0
    while at < end:
        kind, length = _ATTRIBUTE.unpack_from(datagram, at)
        stop = at + 4 + length
        if stop > end:
            raise DecodeError("stun-attribute")
        if kind == attributes.FINGERPRINT:
            _check_fingerprint(datagram, at, stop)
            found[kind] = datagram[at + 4 : stop]
        elif not integrity and kind not in found:
            found[kind] = datagram[at + 4 : stop]
            if kind == attributes.MESSAGE_INTEGRITY:
                integrity = at
        at = (stop + 3) & ~3
    if integrity and len(found[attributes.MESSAGE_INTEGRITY]) != 20:
        raise DecodeError("stun-integrity")
    return found, integrity


def _check_fingerprint(datagram: bytes, at: int, stop: int) -> None:
    right = zlib.crc32(datagram[:at]) ^ _FINGERPRINT_MASK
    last = stop == len(datagram) and stop - at == _FINGERPRINT_OCTETS
    if not last or int.from_bytes(datagram[at + 4 : stop], "big") != right:
        raise DecodeError("stun-fingerprint")


def verify(message: Message, key: bytes) -> bool:
    """Whether MESSAGE-INTEGRITY is there and was made with `key`."""
    at = message.integrity_offset
    if not at:
        return False
    # the tag covers what stands before it, under a header length that counts the tag
    length = at - _HEADER.size + _INTEGRITY_OCTETS
    datagram = message.datagram
    covered = datagram[:2] + length.to_bytes(2, "big") + datagram[4:at]
    tag = message.attributes[attributes.MESSAGE_INTEGRITY]
    return hmac.compare_digest(tag, hmac.digest(key, covered, "sha1"))


def long_term_key(username: str, realm: str, password: str) -> bytes:
    """The key of long-term credentials (section 9.2.2), as TURN servers use them."""
    text = f"{username}:{realm}:{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).digest()


def encode(
    message_type: int,
    transaction_id: bytes,
    body: bytes,
    *,
    key: bytes | None = None,
    fingerprint: bool = False,
) -> bytes:
    """A message of packed attributes `body`, sealed with what is asked for."""
    if key is not None:
        head = _header(message_type, len(body) + _INTEGRITY_OCTETS, transaction_id)
        body += _INTEGRITY_HEAD + hmac.digest(key, head + body, "sha1")
    if not fingerprint:
        return _header(message_type, len(body), transaction_id) + body
    head = _header(message_type, len(body) + _FINGERPRINT_OCTETS, transaction_id)
    message = head + body
    value = (zlib.crc32(message) ^ _FINGERPRINT_MASK).to_bytes(4, "big")
    return message + _FINGERPRINT_HEAD + value


def seal(message: bytes, *, key: bytes | None, fingerprint: bool) -> bytes:
    """A bare message with MESSAGE-INTEGRITY (with `key`) and FINGERPRINT appended."""
    message_type, _, _, transaction_id = _HEADER.unpack_from(message)
    body = message[_HEADER.size :]
    return encode(message_type, transaction_id, body, key=key, fingerprint=fingerprint)


def _header(message_type: int, length: int, transaction_id: bytes) -> bytes:
    return _HEADER.pack(message_type, length, attributes.MAGIC_COOKIE, transaction_id)
