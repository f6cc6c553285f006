"""What stands between nodes of one process: it can lose what it is told to lose.

Every node has a front here, whose address the others are given instead of its own.
What comes to a front goes on to its node, from the front of whoever sent it, so both
ends see nothing but fronts, whatever plane they run on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from meshnode.media.plane import Address

Dropped = Callable[[bytes], bool]


class Front(asyncio.DatagramProtocol):
    """One node's address on the middle.  `loses` says what does not arrive there."""

    def __init__(self, middle: Middle, node: Address) -> None:
        self.node = node
        self.loses: Dropped = lambda _: False
        self.silent = False
        """Nothing arrives, and nothing that the node sends."""
        self._middle = middle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]
        self.address: Address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        sender = self._middle.fronts.get(addr[:2])
        if sender is None or sender.silent or self.silent or self.loses(data):
            return
        sender.transport.sendto(data, self.node)


class Middle:
    """The fronts, by the real address of their node."""

    def __init__(self) -> None:
        self.fronts: dict[Address, Front] = {}

    async def front(self, node: Address) -> Front:
        """A front for the node that sends from this address."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_datagram_endpoint(
            lambda: Front(self, node), (node[0], 0)
        )
        self.fronts[node] = made
        return made

    @contextlib.contextmanager
    def cut(self, *nodes: Address) -> Iterator[None]:
        """Nothing comes to these nodes or from them."""
        fronts = [self.fronts[node] for node in nodes]
        for front in fronts:
            front.silent = True
        try:
            yield
        finally:
            for front in fronts:
                front.silent = False


@contextlib.asynccontextmanager
async def middle() -> AsyncIterator[Middle]:
    """A middle whose sockets are closed at the end."""
    made = Middle()
    try:
        yield made
    finally:
        for front in made.fronts.values():
            front.transport.close()


def kind(datagram: bytes) -> str:
    """What a datagram says it is: dtls, stun, rtcp or rtp."""
    if 20 <= datagram[0] <= 63:
        return "dtls"
    if datagram[0] < 4:
        return "stun"
    return "rtcp" if 192 <= datagram[1] <= 223 else "rtp"
