"""Does what the brain asks for: one function per output, none of them waits.

What takes time (dialling, connecting) is begun here and ends as an input of its own.
What cannot be done is counted; the brain has time-outs for everything that it asks.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable

from meshnode.control.neighbours import Neighbour, Neighbours
from meshnode.control.seam import Plane
from meshproto.errors import MeshError
from meshproto.forwarding.relay_table import RelayDelta
from meshproto.ids import NodeId
from meshproto.outputs import (
    Deliver,
    Dial,
    Gossip,
    HangUp,
    Output,
    Pace,
    Probe,
    Transmit,
)

TREE_PACE_S = 0.25
IDLE_PACE_S = 2.0
"""Between two checks of a link (RFC 0005 section 6.1)."""

KEPT = frozenset({"silent", "unacknowledged", "goodbye"})
"""Ends of a link after which the association may resume (RFC 0005 section 5.1); what
the far end meant by its goodbye is known a moment later, see `Control`."""


class Carrier:
    """Carries out outputs; `dial` and `gossip` begin what takes time, `unprobed` hears
    of a probe that could not even begin.
    """

    def __init__(
        self,
        plane: Plane,
        neighbours: Neighbours,
        dial: Callable[[Dial], None],
        gossip: Callable[[NodeId, bytes], None],
        unprobed: Callable[[int], None],
    ) -> None:
        self.failures: Counter[str] = Counter()
        self.deliver: Callable[[Deliver], None] = lambda _: None
        """Gets messages for clients of this node."""
        self._plane = plane
        self._neighbours = neighbours
        self._dial = dial
        self._gossip = gossip
        self._unprobed = unprobed

    def __call__(self, output: Output) -> None:
        """Carry `output` out."""
        match output:
            case Transmit():
                self._transmit(output)
            case Gossip(neighbour, rpc):
                self._gossip(neighbour, rpc)
            case Dial():
                self._dial(output)
            case HangUp(neighbour, reason):
                self._hang_up(neighbour, reason)
            case Probe():
                self._probe(output)
            case Pace(neighbour, tree):
                self._pace(neighbour, tree)
            case Deliver():
                self.deliver(output)
            case _:
                if isinstance(output, RelayDelta):
                    self._program(output)
                else:  # nobody else's output is meant for a driver
                    self.failures["output-misplaced"] += 1

    def _transmit(self, output: Transmit) -> None:
        neighbour = self._neighbours.by_link(output.link)
        if neighbour is None or not neighbour.transport.send(output.frame):
            self.failures["frame-lost"] += 1

    def _hang_up(self, node: NodeId, reason: str) -> None:
        neighbour = self._neighbours.by_node(node)
        if neighbour is None:
            return
        self._neighbours.end(neighbour)
        if reason in KEPT:
            neighbour.transport.park()
        else:
            self.close(neighbour, reason)

    def close(self, neighbour: Neighbour, reason: str) -> None:
        """End an association for good."""
        self._neighbours.remove(neighbour)
        neighbour.transport.close(reason)

    def _probe(self, output: Probe) -> None:
        try:
            # raises ValueError for what a stranger called an address
            host = str(ipaddress.ip_address(output.address.ip))
            self._plane.probe((host, output.address.port), output.token)
        except (MeshError, OSError, ValueError):
            self.failures["unprobed"] += 1
            self._unprobed(output.token)

    def _pace(self, node: NodeId, tree: bool) -> None:
        neighbour = self._neighbours.by_node(node)
        if neighbour is not None:
            pace_s = TREE_PACE_S if tree else IDLE_PACE_S
            neighbour.transport.pace(pace_s)

    def _program(self, delta: RelayDelta) -> None:
        try:
            self._plane.program([delta])
        except MeshError:
            # why go on: a link may be gone before its leg; the tree hears of both
            self.failures[f"delta-{type(delta).__name__}"] += 1
