"""Media addresses of simulated nodes, and who answers at one (RFC 0012 section 4.5).

Every node has an IPv4 address; `per_prefix` neighbours in number share a /24, so that
quotas by prefix have something to count.  A NAT reboot gives a node a new port: its old
address then reaches nobody, as with a real one.
"""

from __future__ import annotations

from meshproto.wire.control.peer import MediaAddress

_FIRST = 11 << 24  # why 11/8: simulated nodes are on the public Internet, not in 10/8
_PORT = 5000
_PORTS = 60_000


class Addresses:
    """Addresses of `size` nodes."""

    __slots__ = ("_current", "_moves", "_per_prefix", "_who")

    def __init__(self, size: int, per_prefix: int = 1) -> None:
        self._per_prefix = min(max(per_prefix, 1), 250)
        self._moves = [0] * size
        self._current = [self._make(node, 0) for node in range(size)]
        self._who = {(a.ip, a.port): node for node, a in enumerate(self._current)}

    def of(self, node: int) -> MediaAddress:
        """The address at which `node` is reached now."""
        return self._current[node]

    def node_at(self, address: MediaAddress) -> int | None:
        """The node that is reached at `address` now, None if nobody."""
        return self._who.get((address.ip, address.port))

    def move(self, node: int) -> MediaAddress:
        """Give `node` a new address (a NAT reboot); the old one reaches nobody."""
        old = self._current[node]
        del self._who[(old.ip, old.port)]
        self._moves[node] += 1
        new = self._current[node] = self._make(node, self._moves[node])
        self._who[(new.ip, new.port)] = node
        return new

    def _make(self, node: int, moves: int) -> MediaAddress:
        prefix, host = divmod(node, self._per_prefix)
        ip = _FIRST + (prefix << 8) + 1 + host
        return MediaAddress(ip.to_bytes(4, "big"), _PORT + moves % _PORTS)
