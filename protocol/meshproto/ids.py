"""Identifiers, each its own type so that they cannot be mixed up."""

from __future__ import annotations

from typing import NewType

TransportId = NewType("TransportId", int)
"""A media association with one remote, unique for the life of a plane."""

ProducerId = NewType("ProducerId", int)
"""A track that enters this node over a transport."""

ConsumerId = NewType("ConsumerId", int)
"""A track that leaves this node over a transport."""

StreamName = NewType("StreamName", str)
"""What a publisher chose to be found by: 1-128 of `[A-Za-z0-9_.~-]`."""

NodeId = NewType("NodeId", bytes)
"""A node: the libp2p peer id of its Ed25519 key (38 octets; RFC 0005 section 2)."""

ShortId = NewType("ShortId", bytes)
"""The last 8 octets of a `NodeId`: what root paths carry (RFC 0005 section 2)."""

LinkId = NewType("LinkId", int)
"""One authenticated association with a neighbour, unique for the life of a node."""

StreamId = NewType("StreamId", bytes)
"""A stream in the mesh: 16 octets of the hash of its claim key and name (RFC 0005)."""


def short_id(node: NodeId) -> ShortId:
    """The short name of `node` in root paths and traces."""
    return ShortId(node[-8:])
