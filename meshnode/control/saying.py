"""Short messages from node to node: what members of a room say (RFC 0014 section 5).

A message goes straight to the nodes that it is for, as an exchange over libp2p: their
connection proves who says it, nobody in between reads it, and no tree has to be there.
Each node that is spoken to has one bounded queue and one task, so messages arrive in
order, and one that cannot be reached costs the others nothing.  What cannot be brought
is dropped and counted; nobody waits for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgpack

from meshnode.control.envelope import Kind
from meshnode.control.seam import Host
from meshnode.control.tasks import Tasks
from meshproto.errors import DecodeError, MeshError
from meshproto.ids import NodeId

OCTETS_MAX = 4_000
"""One message with all that is around it; an exchange holds 4,096."""
WAITING_MAX = 64
"""Messages that wait for one node."""
PER_S = 50.0
BURST = 200.0
"""Messages that one node may send us, a second and at once."""
NODES_MAX = 1_024
"""Nodes whose rate is remembered."""
CONNECT_S = 5.0
EXCHANGE_S = 5.0
WORDS = 4


class Saying(NamedTuple):
    """`user` of `room` says `data`, under `label`, to `to` (a peer) or, "", to all."""

    room: str
    user: str
    to: str
    label: str
    data: bytes | str


Hear = Callable[[NodeId, Saying], None]


def build(saying: Saying) -> bytes | None:
    """As octets; None where it is too long for an exchange, or no text."""
    try:
        packed: bytes = msgpack.packb(list(saying))
    except UnicodeEncodeError:
        return None
    return bytes((Kind.SAID.value,)) + packed if len(packed) < OCTETS_MAX else None


def parse(payload: bytes) -> Saying:
    """Read one.  Raises `DecodeError`."""
    try:
        plain = msgpack.unpackb(payload[1:], raw=False, strict_map_key=True)
    except Exception as error:  # why all: msgpack raises many kinds for bad input
        raise DecodeError("saying") from error
    if not isinstance(plain, list) or len(plain) != WORDS + 1:
        raise DecodeError("saying")
    if not all(isinstance(word, str) for word in plain[:WORDS]):
        raise DecodeError("saying")
    if not isinstance(plain[WORDS], str | bytes):
        raise DecodeError("saying")
    return Saying(*plain)


class Sayings:
    """What goes out and comes in; `hear` is set by whoever has rooms."""

    def __init__(
        self,
        host: Host,
        addresses: Callable[[NodeId], Sequence[str]],
        tasks: Tasks,
        clock: Callable[[], float],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.hear: Hear = lambda _node, _saying: None
        self._host = host
        self._addresses = addresses
        self._tasks = tasks
        self._clock = clock
        self._queues: dict[NodeId, deque[bytes]] = {}
        self._levels: dict[NodeId, tuple[float, float]] = {}

    def say(self, node: NodeId, saying: Saying) -> bool:
        """Have a node hear it; False, and counted, where that is impossible."""
        payload = build(saying)
        if payload is None:
            self.counts["too-long"] += 1
            return False
        queue = self._queues.get(node)
        if queue is None:
            queue = self._queues[node] = deque()
            if not self._tasks.spawn(self._drain(node, queue)):
                del self._queues[node]
                return False
        if len(queue) >= WAITING_MAX:
            self.counts["too-many"] += 1
            return False
        queue.append(payload)
        return True

    async def _drain(self, node: NodeId, queue: deque[bytes]) -> None:
        try:
            while queue:
                await self._bring(node, queue[0])
                queue.popleft()
        finally:
            del self._queues[node]

    async def _bring(self, node: NodeId, payload: bytes) -> None:
        try:
            await self._host.connect(self._addresses(node), node, CONNECT_S)
            await self._host.exchange(node, payload, EXCHANGE_S)
            self.counts["said"] += 1
        except MeshError:
            self.counts["lost"] += 1

    def arrived(self, source: NodeId, payload: bytes) -> bytes | None:
        """A node says something; the answer is that it was read.

        Raises `DecodeError`.
        """
        if not self._may(source):
            self.counts["flood"] += 1
            return None
        saying = parse(payload)
        self.counts["heard"] += 1
        self.hear(source, saying)
        return bytes((Kind.SAID.value,))

    def _may(self, node: NodeId) -> bool:
        now = self._clock()
        level, since = self._levels.pop(node, (BURST, now))
        level = min(BURST, level + (now - since) * PER_S)
        self._levels[node] = (level - 1.0 if level >= 1.0 else level, now)
        if len(self._levels) > NODES_MAX:
            del self._levels[next(iter(self._levels))]
        return level >= 1.0
