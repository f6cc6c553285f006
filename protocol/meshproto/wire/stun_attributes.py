"""STUN attributes: their numbers, and the values inside those we read or write.

Addresses appear plain (MAPPED-ADDRESS, RFC 8489 section 14.1) and mixed with the magic
cookie and the transaction id (XOR-MAPPED-ADDRESS, section 14.2), which keeps address
translators that rewrite every address they see in a payload from finding them.
"""

from __future__ import annotations

import ipaddress
import struct
from functools import lru_cache

from meshproto.errors import DecodeError

MAPPED_ADDRESS = 0x0001
USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
UNKNOWN_ATTRIBUTES = 0x000A
REALM = 0x0014
NONCE = 0x0015
XOR_MAPPED_ADDRESS = 0x0020
PRIORITY = 0x0024
USE_CANDIDATE = 0x0025
SOFTWARE = 0x8022
FINGERPRINT = 0x8028
ICE_CONTROLLED = 0x8029
ICE_CONTROLLING = 0x802A

UNDERSTOOD = frozenset(
    (
        *(MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES),
        *(REALM, NONCE, XOR_MAPPED_ADDRESS, PRIORITY, USE_CANDIDATE),
    )
)
"""Of the comprehension-required range (below 0x8000): what is not answered by 420."""

MAGIC_COOKIE = 0x2112A442

Address = tuple[str, int]
"""IP address as text (no zone) and UDP port."""

_HEAD = struct.Struct("!HH")
_V4 = struct.Struct("!BBHI")
_V6 = struct.Struct("!BBH")


def pack(kind: int, value: bytes) -> bytes:
    """An attribute with its header, padded to whole words (the length is not)."""
    return _HEAD.pack(kind, len(value)) + value + bytes(-len(value) % 4)


@lru_cache(maxsize=1024)
def pack_host(host: str) -> bytes:
    """The 4 or 16 octets of an address in text form, as a socket reports it.

    Remembered, because clients check from the same few addresses for hours.
    """
    if ":" in host:
        return ipaddress.IPv6Address(host.partition("%")[0]).packed
    return bytes(map(int, host.split(".")))


def unpack_host(octets: bytes) -> str:
    """The text form of 4 or 16 octets; raises `DecodeError` for any other number."""
    if len(octets) not in {4, 16}:
        raise DecodeError("stun-address")
    return _text(int.from_bytes(octets, "big"), len(octets))


def encode_xor_address(address: Address, transaction_id: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS: 8 octets for IPv4, 20 for IPv6."""
    return encode_xor_host(pack_host(address[0]), address[1], transaction_id)


def encode_xor_host(host: bytes, port: int, transaction_id: bytes) -> bytes:
    """The same from packed octets."""
    number = int.from_bytes(host, "big")
    port ^= MAGIC_COOKIE >> 16
    if len(host) == 4:
        return _V4.pack(0, 1, port, number ^ MAGIC_COOKIE)
    mask = MAGIC_COOKIE << 96 | int.from_bytes(transaction_id, "big")
    return _V6.pack(0, 2, port) + (number ^ mask).to_bytes(16, "big")


def decode_xor_address(value: bytes, transaction_id: bytes) -> Address:
    """Raises `DecodeError` unless family and length belong together."""
    family, port, host = _address(value)
    mask = MAGIC_COOKIE if family == 1 else MAGIC_COOKIE << 96
    if family == 2:
        mask |= int.from_bytes(transaction_id, "big")
    return _text(int.from_bytes(host, "big") ^ mask, len(host)), port ^ 0x2112


def decode_address(value: bytes) -> Address:
    """A plain MAPPED-ADDRESS.  Raises `DecodeError`."""
    _, port, host = _address(value)
    return _text(int.from_bytes(host, "big"), len(host)), port


def _address(value: bytes) -> tuple[int, int, bytes]:
    """Family, port and the octets of the address."""
    if len(value) not in {8, 20} or value[1] != (1 if len(value) == 8 else 2):
        raise DecodeError("stun-address")
    return value[1], int.from_bytes(value[2:4], "big"), value[4:]


def _text(number: int, length: int) -> str:
    if length == 4:
        return str(ipaddress.IPv4Address(number))
    return str(ipaddress.IPv6Address(number))


def encode_error(code: int) -> bytes:
    """ERROR-CODE without a reason phrase: nobody reads it, and replies stay short."""
    return bytes((0, 0, code // 100, code % 100))


def decode_error(value: bytes) -> tuple[int, str]:
    """(code 300 to 699, reason).  Raises `DecodeError`."""
    if len(value) < 4 or not 3 <= value[2] & 7 <= 6 or value[3] > 99:
        raise DecodeError("stun-error-code")
    return (value[2] & 7) * 100 + value[3], value[4:].decode("utf-8", "replace")
