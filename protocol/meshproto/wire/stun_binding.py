"""The STUN method Binding (RFC 8489 section 3), the only one served here.

A request asks where it seems to come from; a success response tells.  With credentials
it is ICE's connectivity check (RFC 8445 section 7), which carries the sender's role and
wish besides.  Error responses have no reason phrase, so that no answer to a stranger is
longer than it must be.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from meshproto.errors import StateError
from meshproto.wire import stun
from meshproto.wire import stun_attributes as attributes
from meshproto.wire.stun_attributes import Address

REQUEST = 0x0001
INDICATION = 0x0011
SUCCESS = 0x0101
ERROR = 0x0111
"""Message types: the method with each of the four classes."""

BAD_REQUEST = 400
UNAUTHENTICATED = 401
UNKNOWN_ATTRIBUTE = 420
ROLE_CONFLICT = 487
"""Error codes (RFC 8489 section 14.8, RFC 8445 section 7.3.1.1)."""


def success(
    request: stun.Message,
    address: Address,
    *,
    key: bytes | None = None,
    fingerprint: bool,
) -> bytes:
    """The answer to `request`: where it came from."""
    value = attributes.encode_xor_address(address, request.transaction_id)
    body = attributes.pack(attributes.XOR_MAPPED_ADDRESS, value)
    return stun.encode(
        SUCCESS,
        request.transaction_id,
        body,
        key=key,
        fingerprint=fingerprint,
    )


def error(
    request: stun.Message, code: int, *, key: bytes | None = None, fingerprint: bool
) -> bytes:
    """The refusal of `request`; 420 lists the attributes that were not understood."""
    body = attributes.pack(attributes.ERROR_CODE, attributes.encode_error(code))
    if code == UNKNOWN_ATTRIBUTE:
        listed = struct.pack(f"!{len(request.unknown)}H", *request.unknown)
        body += attributes.pack(attributes.UNKNOWN_ATTRIBUTES, listed)
    return stun.encode(
        ERROR, request.transaction_id, body, key=key, fingerprint=fingerprint
    )


def request(
    transaction_id: bytes,
    *,
    username: str | None = None,
    key: bytes | None = None,
    priority: int | None = None,
    controlling: int | None = None,
    controlled: int | None = None,
    use_candidate: bool = False,
    extra: Iterable[tuple[int, bytes]] = (),
    fingerprint: bool = True,
) -> bytes:
    """A plain request, or with `username` and `key` a connectivity check.

    The transaction id is 12 octets, unpredictable.  `controlling` or `controlled` is
    the 64 bit tie-breaker (RFC 8445 section 7.1.3); `extra` attributes go first.
    """
    if len(transaction_id) != 12:
        raise StateError("a transaction id has 12 octets")
    parts = [*extra]
    if username is not None:
        parts.append((attributes.USERNAME, username.encode()))
    if controlling is not None:
        parts.append((attributes.ICE_CONTROLLING, controlling.to_bytes(8, "big")))
    if controlled is not None:
        parts.append((attributes.ICE_CONTROLLED, controlled.to_bytes(8, "big")))
    if use_candidate:
        parts.append((attributes.USE_CANDIDATE, b""))
    if priority is not None:
        parts.append((attributes.PRIORITY, priority.to_bytes(4, "big")))
    body = b"".join(attributes.pack(kind, value) for kind, value in parts)
    return stun.encode(REQUEST, transaction_id, body, key=key, fingerprint=fingerprint)


def mapped_address(message: stun.Message) -> Address:
    """The address in a success response, XOR-MAPPED-ADDRESS or the older plain form.

    Raises `DecodeError` when there is none.
    """
    value = message.attributes.get(attributes.XOR_MAPPED_ADDRESS)
    if value is not None:
        return attributes.decode_xor_address(value, message.transaction_id)
    return attributes.decode_address(
        message.attributes.get(attributes.MAPPED_ADDRESS, b"")
    )


def error_code(message: stun.Message) -> tuple[int, str]:
    """(code, reason) of an error response.  Raises `DecodeError` when there is none."""
    return attributes.decode_error(message.attributes.get(attributes.ERROR_CODE, b""))
