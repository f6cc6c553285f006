"""Brings RPCs to neighbours over libp2p, and connects to them when it must.

A link that was set up by an introduction has no libp2p connection yet.  The first RPC
for such a neighbour makes one; what is to be said meanwhile waits, but not for long and
not much: gossip may be lost, tables are compared over the link (RFC 0009 section 6).
Whoever cannot be reached by TCP is not tried again for a while.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence

from meshnode.control.seam import Host
from meshnode.control.tasks import Tasks
from meshproto.errors import MeshError
from meshproto.ids import NodeId

CONNECT_S = 5.0
RETRY_S = 30.0
"""Not to be tried sooner: a host that answers no SYN costs `CONNECT_S` each time."""

WAITING_MAX = 32
"""RPCs that wait for one connection: more than a first greeting holds."""

NODES_MAX = 256
"""Nodes that are waited for, or were tried lately: twice the links there can be."""


class Gossiping:
    """The libp2p connections of overlay neighbours."""

    def __init__(
        self,
        host: Host,
        tasks: Tasks,
        addresses: Callable[[NodeId], Sequence[str]],
        clock: Callable[[], float],
    ) -> None:
        self.failures: Counter[str] = Counter()
        self._host = host
        self._tasks = tasks
        self._addresses = addresses
        self._clock = clock
        self._connected: dict[NodeId, None] = {}
        self._waiting: dict[NodeId, deque[bytes]] = {}
        self._tried_s: dict[NodeId, float] = {}

    def connected(self, node: NodeId) -> None:
        """A connection stands, whoever made it: say what waits."""
        self._connected[node] = None
        self._tried_s.pop(node, None)
        for rpc in self._waiting.pop(node, ()):
            self._send(node, rpc)

    def disconnected(self, node: NodeId) -> None:
        """It is gone."""
        self._connected.pop(node, None)

    def restarted(self) -> None:
        """libp2p began anew: every connection is gone."""
        self._connected.clear()
        self._tried_s.clear()

    def send(self, node: NodeId, rpc: bytes) -> None:
        """Say `rpc` to `node`, now or as soon as there is a connection."""
        if node in self._connected:
            self._send(node, rpc)
            return
        if not self._wait(node):
            return
        waiting = self._waiting[node]
        if len(waiting) >= WAITING_MAX:
            waiting.popleft()
            self.failures["gossip-waiting"] += 1
        waiting.append(rpc)

    def _send(self, node: NodeId, rpc: bytes) -> None:
        if not self._host.send_gossip(node, rpc):
            self.failures["gossip-full"] += 1

    def _wait(self, node: NodeId) -> bool:
        """Whether a connection to `node` is on its way, begun now if it may be."""
        if node in self._waiting:
            return True
        now = self._clock()
        tried_s = self._tried_s.get(node)
        busy = len(self._waiting) >= NODES_MAX
        if busy or (tried_s is not None and now - tried_s < RETRY_S):
            self.failures["gossip-unreachable"] += 1
            return False
        if len(self._tried_s) >= NODES_MAX:
            del self._tried_s[next(iter(self._tried_s))]
        self._tried_s[node] = now
        self._waiting[node] = deque()
        self._tasks.spawn(self._connect(node))
        return True

    async def _connect(self, node: NodeId) -> None:
        try:
            addresses = self._addresses(node)
            await self._host.connect(addresses, node, CONNECT_S)
            self.connected(node)
        except MeshError:
            self.failures["gossip-connect"] += 1
        finally:
            self._waiting.pop(node, None)
