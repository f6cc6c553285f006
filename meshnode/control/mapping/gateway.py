"""The default gateway: the only router that is asked, and the address it knows us by.

There is no portable way to read the routing table.  Linux shows it as a file; where
there is none, nobody is asked, which costs a sentence and not the node.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

TABLE = Path("/proc/self/net/route")
LINES_MAX = 4_096
"""A router's own table may be long; ours is read up to here."""
_UP_AND_GATEWAY = 0x0003
_ANY_PORT = 9
"""Connecting a UDP socket sends nothing; the number does not matter."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The router's address inside, and ours as it sees it."""

    address: str
    own: str


def find(table: Path = TABLE) -> Gateway | None:
    """The IPv4 default gateway as the kernel routes now; None without one."""
    try:
        with table.open(encoding="ascii", errors="replace") as lines:
            address = default_route(lines.read(LINES_MAX * 128))
    except OSError:
        return None
    own = None if address is None else _own(address)
    return Gateway(address, own) if address and own else None


def default_route(text: str) -> str | None:
    """The gateway of the default route with the least metric, as Linux writes it."""
    found: list[tuple[int, str]] = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        try:
            destination, gateway, flags = (int(fields[n], 16) for n in (1, 2, 3))
            metric, mask = int(fields[6]), int(fields[7], 16)
            host = str(ipaddress.IPv4Address(struct.pack("=I", gateway)))
        except (IndexError, ValueError, struct.error):
            continue
        if destination == mask == 0 and flags & _UP_AND_GATEWAY == _UP_AND_GATEWAY:
            found.append((metric, host))
    return min(found)[1] if found else None


def _own(gateway: str) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((gateway, _ANY_PORT))
        except OSError:
            return None
        return str(probe.getsockname()[0])
