"""Eight octets over a table (RFC 0010 section 7): the exclusive or of a hash per row.

The order of rows does not matter, and both ends compute the same number: the one from
what it told, the other from what it heard.  A table is sent again only when they
disagree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgpack

from meshproto.ids import NodeId
from meshproto.routing.table import Entry, Heard
from meshproto.wire.control import schema
from meshproto.wire.control.offer import Offer

DIGEST_OCTETS = 8


def row_hash(fields: list[Any], offers: tuple[Offer, ...]) -> int:
    """The hash of one row: origin, epoch, seqno, refmetric, hops, and the offers."""
    packed = msgpack.packb([*fields, [schema.pack(offer) for offer in offers]])
    short = hashlib.blake2b(packed, digest_size=DIGEST_OCTETS).digest()
    return int.from_bytes(short, "big")


def digest_of_told(entries: Mapping[NodeId, Entry], neighbour: NodeId) -> bytes:
    """The digest of what `neighbour` should hold."""
    total = 0
    for entry in entries.values():
        told = entry.told.get(neighbour)
        if told is not None:
            fields = [told.origin, told.epoch, told.seqno, told.refmetric, told.hops]
            total ^= row_hash(fields, told.offers)
    return total.to_bytes(DIGEST_OCTETS, "big")


def digest_of_heard(heard: Mapping[NodeId, Heard]) -> bytes:
    """The digest of what a neighbour told us."""
    total = 0
    for row in heard.values():
        fields = [row.origin, *row.version, row.refmetric, row.hops - 1]
        total ^= row_hash(fields, row.offers)
    return total.to_bytes(DIGEST_OCTETS, "big")
