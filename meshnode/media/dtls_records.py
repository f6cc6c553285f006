"""DTLS records as bytes: cutting datagrams, packing flights, reading fingerprints.

A memory buffer between us and OpenSSL knows no datagram borders, so we keep them: what
comes in is cut into whole records before OpenSSL sees it (half a record would swallow
the datagram after it), and what goes out is cut at record borders and packed into
datagrams that pass any path (RFC 6347 sections 4.1 and 4.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshproto.errors import DecodeError

HEADER_BYTES = 13
RECORD_MAX_BYTES = 16384 + 2048
DATAGRAM_BYTES = 1200
"""What an outgoing datagram is filled to; passes every path that WebRTC passes."""

CHANGE_CIPHER_SPEC = 20
ALERT = 21
HANDSHAKE = 22
APPLICATION_DATA = 23

_DIGESTS = {"sha-512": 64, "sha-384": 48, "sha-256": 32}  # strongest first
_HEX = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*")


def split_records(datagram: bytes) -> list[bytes]:
    """Cut a datagram into its records, header included.

    Raises `DecodeError` when the bytes are not a row of whole DTLS records.
    """
    records = []
    start, end = 0, len(datagram)
    while start < end:
        if end - start < HEADER_BYTES:
            raise DecodeError("dtls-short")
        content, major = datagram[start], datagram[start + 1]
        if not CHANGE_CIPHER_SPEC <= content <= APPLICATION_DATA or major != 0xFE:
            raise DecodeError("dtls-type")
        length = int.from_bytes(datagram[start + 11 : start + 13], "big")
        stop = start + HEADER_BYTES + length
        if stop > end or length > RECORD_MAX_BYTES:
            raise DecodeError("dtls-length")
        records.append(datagram[start:stop])
        start = stop
    return records


def pack_records(records: Iterable[bytes]) -> list[bytes]:
    """Join records into datagrams of at most `DATAGRAM_BYTES` each.

    A record larger than that travels alone.
    """
    datagrams: list[bytes] = []
    room = 0
    for record in records:
        if len(record) <= room:
            datagrams[-1] += record
            room -= len(record)
        else:
            datagrams.append(record)
            room = DATAGRAM_BYTES - len(record)
    return datagrams


def epoch(record: bytes) -> int:
    """The record's epoch: 0 until the first change of keys, so not authenticated."""
    return record[3] << 8 | record[4]


def select_fingerprints(
    fingerprints: Iterable[tuple[str, str]],
) -> tuple[str, frozenset[bytes]]:
    """The strongest hash the remote named, and its acceptable digests.

    Several values under one hash are alternatives; weaker hashes are ignored (RFC
    8122 section 5).  The hash is returned as OpenSSL spells it ("sha256").  Raises
    `DecodeError` when no usable fingerprint is among them.
    """
    named: dict[str, set[bytes]] = {}
    for algorithm, value in fingerprints:
        size = _DIGESTS.get(algorithm.lower())
        if size is None or not _HEX.fullmatch(value):
            continue
        digest = bytes.fromhex(value.replace(":", ""))
        if len(digest) == size:
            named.setdefault(algorithm.lower(), set()).add(digest)
    for algorithm in _DIGESTS:
        if algorithm in named:
            return algorithm.replace("-", ""), frozenset(named[algorithm])
    raise DecodeError("fingerprint", "no sha-256, sha-384 or sha-512 fingerprint")
