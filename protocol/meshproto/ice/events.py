"""What the agent of links tells its owner, all of it plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from meshproto.ice.path import PathSilent
from meshproto.ids import TransportId
from meshproto.wire.stun_attributes import Address


class Local(NamedTuple):
    """One of our own ends: which socket, and which of its addresses.

    `address` is whatever the owner of the sockets makes of it, empty for "as the system
    chooses"; the agent compares it and never looks inside.
    """

    socket: int
    address: bytes = b""


@dataclass(frozen=True, slots=True)
class PathProven:
    """The association stands, stands again, or moved: a check of ours to `address` was
    answered there.  Send to it from `local` from now on.
    """

    transport: TransportId
    address: Address
    local: Local


@dataclass(frozen=True, slots=True)
class Checked:
    """A check of the path in use was answered after `rtt_s`, or (None) not in time."""

    transport: TransportId
    rtt_s: float | None


@dataclass(frozen=True, slots=True)
class Probed:
    """The plain Binding `token` was answered after `rtt_s`, or (None) not in time."""

    token: int
    rtt_s: float | None


@dataclass(frozen=True, slots=True)
class MappedSeen:
    """The node at `by` sees our media port at `address`, which is news."""

    address: Address
    by: Address


AgentEvent = PathProven | PathSilent | Checked | Probed | MappedSeen
"""Everything that `IceAgent` tells."""
