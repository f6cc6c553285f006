"""The libp2p host as the rest of the node sees it: plain asyncio.

libp2p says who and where (RFC 0001 section 5): authenticated TCP on the port number of
the media, gossip streams, and short exchanges that set links up.  All of it runs in a
trio thread (`bridge`), which may fail and start again while this object, its listening
sockets and its counters live on.

Events are called on the loop, in order: a node is connected before anything is heard of
it, and nothing is heard after it is disconnected.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p import lean, sockets
from meshnode.control.libp2p.bridge import Bridge
from meshnode.control.libp2p.mailbox import Outgoing
from meshnode.control.libp2p.values import (
    COUNTERS,
    EXCHANGE_OCTETS_MAX,
    DialError,
    GossipPaused,
    GossipResumed,
    HostEvent,
    HostLimits,
    HostRestarted,
    PeerConnected,
    PeerDisconnected,
)
from meshproto.errors import LimitError, StateError
from meshproto.ids import NodeId
from meshproto.wire.pubsub import RPC_OCTETS_MAX

if TYPE_CHECKING:
    from meshnode.control.libp2p.switch import Switch

LOGGER = logging.getLogger("meshnode.control.libp2p")
DEFAULT_LIMITS = HostLimits()
KNOWN_MAX = 1024
"""Nodes that we spoke gossip to; four times the connections there can be."""

Server = Callable[[NodeId, bytes], Awaitable[bytes | None]]


class Libp2pHost:
    """libp2p on `hosts` (IP addresses) and one TCP `port` for all, 0 for a free one."""

    def __init__(
        self,
        identity: KeyPair,
        hosts: Sequence[str],
        port: int,
        *,
        limits: HostLimits = DEFAULT_LIMITS,
    ) -> None:
        self.node = identity.node
        self._identity = identity
        self._hosts = tuple(hosts)
        self._port = port
        self._limits = limits
        self._counters = dict.fromkeys(COUNTERS, 0)
        # why two: `+=` of two threads on one number loses some
        self._here: Counter[str] = Counter()
        self._handlers: list[Callable[[HostEvent], None]] = []
        self._server: Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._sockets: list[socket.socket] = []
        self._queues: dict[NodeId, Outgoing] = {}
        self._known: dict[NodeId, None] = {}
        self._paused: set[NodeId] = set()
        self._switch: Switch | None = None
        self._bridge: Bridge | None = None

    def __repr__(self) -> str:
        return f"<Libp2pHost port {self._port}, {len(self._queues)} peers>"

    async def start(self) -> None:
        """Listen.  Raises `StateError` with one sentence if the port is taken."""
        if self._bridge is not None:
            raise StateError("libp2p: the host was started already")
        self._sockets = sockets.bind_all(self._hosts, self._port)
        self._port = self._sockets[0].getsockname()[1]
        self._bridge = Bridge(
            self._main,
            self._restarted,
            jobs_max=self._limits.jobs,
            events_max=self._limits.events,
        )
        try:
            await self._bridge.start()
        except BaseException:
            sockets.close_all(self._sockets)
            raise

    async def close(self) -> None:
        """Say goodbye to all peers and stop; the port is free afterwards."""
        if self._bridge is None:
            return
        switch, self._switch = self._switch, None
        if switch is not None:
            self._bridge.post(lambda: switch.begin(switch.close))
        await self._bridge.join()
        for task in self._serving:
            task.cancel()
        sockets.close_all(self._sockets)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Our multiaddrs with /p2p/ID; wildcards are replaced by the interfaces'."""
        return sockets.addresses(self._sockets, self.node)

    @property
    def port(self) -> int:
        """The TCP port, once started."""
        return self._port

    @property
    def peers(self) -> tuple[NodeId, ...]:
        """Who is connected."""
        return tuple(self._queues)

    def on_event(self, handler: Callable[[HostEvent], None]) -> None:
        """Call `handler` on the loop for every event from now on."""
        self._handlers.append(handler)

    def serve_exchange(self, handler: Server) -> None:
        """Answer requests with `handler`; None, or an exception, refuses one."""
        self._server = handler

    async def connect(
        self, addresses: Sequence[str], node: NodeId | None, timeout_s: float
    ) -> NodeId:
        """Be connected: with `node`, or with whoever answers if that is None.

        All addresses are tried, a moment apart.  Raises `DialError`.
        """
        job = ("connect", tuple(addresses), node, timeout_s)
        found: NodeId = await self._ask(*job)
        return found

    async def exchange(self, node: NodeId, payload: bytes, timeout_s: float) -> bytes:
        """Ask a connected node, and its answer.  Raises `DialError`."""
        if len(payload) > EXCHANGE_OCTETS_MAX:
            raise StateError(f"libp2p: at most {EXCHANGE_OCTETS_MAX} octets")
        answer: bytes = await self._ask("exchange", node, payload, timeout_s)
        return answer

    def send_gossip(self, node: NodeId, rpc: bytes) -> bool:
        """Queue an RPC; False, and counted, if there is no connection or no room.

        The first one opens our gossip stream, and makes that of `node` be read, now
        and on every later connection until `disconnect`.
        """
        if len(rpc) > RPC_OCTETS_MAX:
            raise LimitError("rpc_octets_max", RPC_OCTETS_MAX)
        self._know(node)
        queue = self._queues.get(node)
        if queue is None or not queue.offer(rpc):
            self._here["gossip-dropped"] += 1
            return False
        if queue.paused and node not in self._paused:
            asyncio.get_running_loop().call_soon(self._tell, GossipPaused(node))
        return True

    def open_gossip(self, node: NodeId) -> bool:
        """Open our gossip stream before there is something to say; False if gone."""
        self._know(node)
        queue = self._queues.get(node)
        if queue is None:
            return False
        queue.wake()
        return True

    def disconnect(self, node: NodeId) -> None:
        """End the connection; `PeerDisconnected` follows if there was one."""
        self._known.pop(node, None)
        switch = self._switch
        if switch is not None and self._bridge is not None:
            self._bridge.post(switch.disconnect, node)

    def stats(self) -> dict[str, int]:
        """Counters since the start, and how many peers there are now."""
        both = {name: n + self._here[name] for name, n in self._counters.items()}
        return {**both, "peers": len(self._queues)}

    # on the loop

    async def _ask(self, verb: str, *arguments: Any) -> Any:
        bridge, switch = self._bridge, self._switch
        if bridge is None or switch is None:
            raise DialError("closed", "libp2p is not running")

        def start(answer: Callable[[Any], None]) -> Callable[[], None]:
            from meshnode.control.libp2p.switch import resolve  # noqa: PLC0415 - slow

            job = getattr(switch, verb)
            return switch.begin(resolve, job, answer, *arguments).cancel

        return await bridge.ask(start)

    def _tell(self, event: HostEvent, queue: Outgoing | None = None) -> None:
        if isinstance(event, PeerConnected) and queue is not None:
            self._queues[event.node] = queue
            if event.node in self._known:
                queue.wake()
        elif isinstance(event, PeerDisconnected):
            self._queues.pop(event.node, None)
            self._paused.discard(event.node)
        if not self._is_news(event):
            return
        for handler in self._handlers:
            handler(event)

    def _is_news(self, event: HostEvent) -> bool:
        """Whether a pause or its end is news, and still true.

        One comes from this thread and one from the other, so either may be late.
        """
        if not isinstance(event, GossipPaused | GossipResumed):
            return True
        queue, node = self._queues.get(event.node), event.node
        pauses = isinstance(event, GossipPaused)
        if queue is None or queue.paused != pauses or (node in self._paused) == pauses:
            return False
        if pauses:
            self._paused.add(node)
        else:
            self._paused.discard(node)
        return True

    def _know(self, node: NodeId) -> None:
        """Our router has `node` for a neighbour: what it says may be heard."""
        if node not in self._known:
            self._known[node] = None
            if len(self._known) > KNOWN_MAX:
                del self._known[next(iter(self._known))]

    def _restarted(self, times: int) -> None:
        self._here["restarts"] += 1
        for node in list(self._queues):
            self._tell(PeerDisconnected(node))
        self._tell(HostRestarted(times))

    def _asked(
        self, node: NodeId, payload: bytes, reply: Callable[[bytes | None], None]
    ) -> None:
        task = asyncio.get_running_loop().create_task(
            self._answer(node, payload, reply)
        )
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _answer(
        self, node: NodeId, payload: bytes, reply: Callable[[bytes | None], None]
    ) -> None:
        answer = None
        try:
            if self._server is not None:
                async with asyncio.timeout(self._limits.answer_s):
                    answer = await self._server(node, payload)
        except TimeoutError:
            self._here["exchange-failed"] += 1
        except Exception:
            LOGGER.exception("the handler of an exchange failed")
        finally:
            assert self._bridge is not None
            self._bridge.post(reply, answer)

    # in the trio thread

    async def _main(self, started: Callable[[], None]) -> None:
        try:
            lean.enter()
            from meshnode.control.libp2p.switch import Switch  # noqa: PLC0415 - slow
        except ImportError as error:
            raise StateError(f"libp2p cannot be loaded: {error}") from error
        bridge = self._bridge
        assert bridge is not None

        def tell(
            event: HostEvent,
            after: Callable[[], None] | None = None,
            queue: Outgoing | None = None,
        ) -> None:
            bridge.tell(partial(self._tell, event, queue), after)

        def queue(ring: Callable[[], None]) -> Outgoing:
            limits = self._limits
            return Outgoing(
                limits.gossip_queue,
                limits.gossip_queue_octets,
                lambda: bridge.post(ring),
            )

        self._switch = switch = Switch(
            self._identity,
            self._limits,
            self._counters,
            tell,
            lambda *asked: bridge.tell(partial(self._asked, *asked)),
            lambda: bridge.crowded,
            queue,
            lambda: self.addresses,
        )
        await switch.run(self._sockets, started)
