"""Dialling: all addresses of a node, a moment apart, and the first that answers.

py-libp2p's own dial waits 250 ms after it has succeeded, repeats a refused dial four
times, then blocks the peer for a minute, and has no time-out over the security
handshake.  Here one deadline covers name, TCP, Noise and Yamux.  Without a known id it
is learned from the handshake, which proves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from meshnode.control.libp2p.multiaddress import Multiaddress, parse_multiaddress
from meshnode.control.libp2p.upgrade import Upgrader
from meshnode.control.libp2p.values import DialError, HostLimits
from meshnode.control.libp2p.wire import Wire
from meshproto.errors import DecodeError
from meshproto.ids import NodeId

STAGGER_S = 0.25
"""Until the next address of a node that does not answer (RFC 8305 section 5)."""

PATIENCE_S = 2.0
"""Until the next one where the handshake is under way: a busy node's takes long, and a
second one would keep it busier (thirty that started at once made two for each link)."""

ADDRESSES_MAX = 8

Dialled = tuple[NodeId, Wire, Any]


class _Stage:
    """How far the attempt at one address is."""

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.failed = trio.Event()


class Dialler:
    """Makes authenticated connections that nobody serves yet."""

    def __init__(self, upgrader: Upgrader, limits: HostLimits) -> None:
        self._upgrader = upgrader
        self._limits = limits

    async def dial(
        self, texts: Sequence[str], node: NodeId | None, timeout_s: float
    ) -> Dialled:
        """Who answered first, over what.  Raises `DialError` with the last reason."""
        targets, failures = [], [DialError("unreachable", "no address to dial")]
        for text in texts[:ADDRESSES_MAX]:
            try:
                target = parse_multiaddress(text)
                if target.target is None:  # circuits are the switch's
                    targets.append(target)
            except DecodeError as error:
                failures.append(DialError("unreachable", f"{text}: {error.reason}"))
        won: list[Dialled] = []
        with trio.move_on_after(timeout_s) as limit:
            await self._race(targets, node, won, failures)
        if won:
            return won[0]
        if limit.cancelled_caught:
            raise DialError("timeout", f"no answer within {timeout_s:g} s")
        raise failures[-1]

    async def _race(
        self,
        targets: Sequence[Multiaddress],
        node: NodeId | None,
        won: list[Dialled],
        failures: list[DialError],
    ) -> None:
        async with trio.open_nursery() as nursery:
            scope = nursery.cancel_scope

            async def attempt(target: Multiaddress, stage: _Stage) -> None:
                try:
                    dialled = await self._one(target, target.node or node, stage)
                except DialError as error:
                    failures.append(error)
                    stage.answered.set()
                    stage.failed.set()
                    return
                if won:
                    dialled[1].abort()
                else:
                    won.append(dialled)
                    scope.cancel()

            for target in targets:
                stage = _Stage()
                nursery.start_soon(attempt, target, stage)
                with trio.move_on_after(STAGGER_S):
                    await stage.answered.wait()
                if stage.answered.is_set():
                    with trio.move_on_after(PATIENCE_S):
                        await stage.failed.wait()

    async def _one(
        self, target: Multiaddress, node: NodeId | None, stage: _Stage
    ) -> Dialled:
        try:
            stream = await trio.open_tcp_stream(target.host, target.port)
            stage.answered.set()
            wire = Wire(stream, is_initiator=True, write_s=self._limits.write_s)
        except OSError as error:
            label = "refused" if _refused(error) else "unreachable"
            raise DialError(label, f"{target}: {error.strerror or error}") from error
        try:
            with trio.fail_after(self._limits.handshake_s):
                found, muxer = await self._upgrader.upgrade(wire, node)
        except trio.TooSlowError:
            wire.abort()
            raise DialError("handshake", f"{target} stays silent") from None
        except BaseException:
            wire.abort()
            raise
        return found, wire, muxer


def _refused(error: BaseException) -> bool:
    """Whether this says that nothing listens; trio puts it below others."""
    if isinstance(error, BaseExceptionGroup):
        return any(_refused(one) for one in error.exceptions)
    if isinstance(error, ConnectionRefusedError):
        return True
    return error.__cause__ is not None and _refused(error.__cause__)
