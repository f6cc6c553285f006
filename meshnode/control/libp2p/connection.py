"""One authenticated connection and everything that runs on it.

A nursery of its own: whatever goes wrong in here ends this connection and nothing else.
Streams that the peer opens are negotiated and handed to the handler of their protocol;
a handler that raises costs its stream.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import trio

from meshnode.control.libp2p import multistream
from meshnode.control.libp2p.mailbox import Outgoing
from meshnode.control.libp2p.streams import Stream, StreamError
from meshnode.control.libp2p.values import DialError, HostLimits
from meshproto.ids import NodeId

GOODBYE_S = 0.5
"""To tell the peer that we close."""


class AnyWire(Protocol):
    """A `Wire` or a `Tunnel`."""

    is_initiator: bool
    relayed: bool

    @property
    def host(self) -> str:
        """The remote's IP address."""

    @property
    def address(self) -> str:
        """The remote's multiaddr."""

    def abort(self) -> None:
        """End now."""


Refuse = Callable[[NodeId | None, str], None]
Handler = Callable[["Connection", Stream, str], Awaitable[None]]


class Connection:
    """`ready` is set when streams can be opened, `gone` when all is over."""

    def __init__(
        self,
        node: NodeId,
        wire: AnyWire,
        muxer: Any,
        outgoing: Outgoing,
        rung: trio.MemoryReceiveChannel[None],
        limits: HostLimits,
        refuse: Refuse,
    ) -> None:
        self.node = node
        self.outbound = wire.is_initiator
        self.address = wire.address
        self.host = wire.host
        self.relayed = wire.relayed
        self.born = trio.current_time()
        self.outgoing = outgoing
        self.ready = trio.Event()
        self.gone = trio.Event()
        self.speaks = trio.Event()
        """Our gossip stream stands."""
        self.rung = rung
        """Something waits in `outgoing`."""
        self._wire = wire
        self._muxer = muxer
        self._limits = limits
        self._refuse = refuse
        self._streams = 0
        self._nursery: trio.Nursery | None = None

    def __repr__(self) -> str:
        way = "to" if self.outbound else "from"
        return f"<Connection {way} {self.address}>"

    async def run(self, handlers: Mapping[str, Handler]) -> None:
        """Serve the connection until it ends; never raises."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._muxer.start)
                await self._muxer.event_started.wait()
                self.ready.set()
                await self._accept(nursery, handlers)
                nursery.cancel_scope.cancel()
        except Exception:
            self._refuse(self.node, "garbage")
        finally:
            if self._muxer.overflowed:
                self._refuse(self.node, "overflow")
            self._nursery = None
            self.abort()
            self.ready.set()
            self.gone.set()

    def start(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run `task` on the connection; it ends with it.  A failure ends both."""
        if self._nursery is not None:
            self._nursery.start_soon(task)

    async def open(self, protocols: Sequence[str]) -> tuple[Stream, str]:
        """A new stream and which of `protocols` is spoken on it.

        Raises `DialError`: "closed", "protocol" or "timeout".
        """
        await self.ready.wait()
        stream: Stream | None = None
        chosen = ""
        with trio.move_on_after(self._limits.negotiate_s):
            try:
                muxed = await self._muxer.open_stream()
                stream = Stream(muxed, stall_s=self._limits.write_s)
                chosen = await multistream.propose(stream, protocols)
            except StreamError as error:
                await self._give_up(stream)
                closed = self.gone.is_set() or str(error) != "protocol"
                raise DialError("closed" if closed else "protocol") from error
            except Exception as error:
                raise DialError("closed", type(error).__name__) from error
        if stream is None or not chosen:
            await self._give_up(stream)
            raise DialError("timeout")
        return stream, chosen

    async def close(self) -> None:
        """Say goodbye if that is quick, then end."""
        # why suppressed: the wire may be gone already, and is ended below in any case
        with trio.move_on_after(GOODBYE_S), contextlib.suppress(Exception):
            await self._muxer.close()
        self.abort()

    def abort(self) -> None:
        """End now."""
        self._wire.abort()

    async def _accept(
        self, nursery: trio.Nursery, handlers: Mapping[str, Handler]
    ) -> None:
        while True:
            try:
                muxed = await self._muxer.accept_stream()
            except Exception:
                return
            stream = Stream(muxed, stall_s=self._limits.write_s)
            if self._streams >= self._limits.streams_per_connection:
                self._refuse(self.node, "streams-full")
                await stream.reset()
                continue
            self._streams += 1
            nursery.start_soon(self._serve, stream, handlers)

    async def _serve(self, stream: Stream, handlers: Mapping[str, Handler]) -> None:
        try:
            protocol = ""
            with trio.move_on_after(self._limits.negotiate_s):
                protocol = await multistream.answer(stream, handlers)
            if protocol:
                await handlers[protocol](self, stream, protocol)
            else:
                self._refuse(self.node, "timeout")
        except StreamError as error:
            if str(error) in {"protocol", "multistream"}:
                self._refuse(self.node, "protocol")
        except Exception:
            self._refuse(self.node, "handler")
        finally:
            self._streams -= 1
            await stream.reset()

    @staticmethod
    async def _give_up(stream: Stream | None) -> None:
        if stream is not None:
            await stream.reset()
