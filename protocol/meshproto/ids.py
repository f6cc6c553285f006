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
