"""The WebRTC half of a client: an aiortc connection, and what aiortc leaves out.

Three things are added to `RTCPeerConnection`.  It gathers no loopback candidates, so a
node on this very machine would be out of reach where no other interface is up: they are
added when the server is on loopback.  Nothing measures the round trip of a receiver:
a connectivity check on the selected pair is timed (RFC 8445 section 7.2, the same
message as consent, RFC 7675).  And the server must answer within a deadline, where
aiortc would wait for ever.  The private names used here are why aiortc and aioice are
pinned to one minor version; no module of ours but this and `raw` touches them.
"""

# ruff: noqa: SLF001

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import aioice.stun
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

CONNECT_TIMEOUT_S = 15.0
ENDED = frozenset({"failed", "closed"})
LOOPBACK = ("127.0.0.1", "::1")


class Peer:
    """One bundled connection.  Call `offer`, `accept`, and always `close`."""

    def __init__(
        self,
        *,
        loopback: bool,
        codecs: Callable[[], contextlib.AbstractContextManager[None]] = (
            contextlib.nullcontext
        ),
    ) -> None:
        """`codecs` is entered while aiortc looks up what it may offer and take."""
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._loopback = loopback
        self._codecs = codecs
        self._changed = asyncio.Event()
        self.connection.on("connectionstatechange", self._changed.set)

    @property
    def state(self) -> str:
        """new, connecting, connected, failed or closed."""
        return str(self.connection.connectionState)

    async def offer(self) -> str:
        """A complete description: every candidate gathered.  Add transceivers first."""
        with self._codecs():
            offer = await self.connection.createOffer()
        await self.connection.setLocalDescription(offer)
        if self._loopback:
            await self._gather_loopback()
        return str(self.connection.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Take the answer and wait until media can flow.

        Raises `ConnectionError` when it does not come to that, `ValueError` for an
        answer that makes no sense.
        """
        try:
            with self._codecs():
                await self.connection.setRemoteDescription(
                    RTCSessionDescription(answer, "answer")
                )
        except Exception as error:
            # aiortc's parser raises whatever it stumbles over
            raise ValueError(f"the server's answer is not usable: {error!r}") from error
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self.until({"connected"} | ENDED)
        except TimeoutError:
            raise ConnectionError(
                "no UDP reply from the server: is its media port open, and is the"
                " address it advertises reachable from here?"
            ) from None
        if self.state != "connected":
            raise ConnectionError(
                f"the connection {self.state} before media could flow"
            )

    async def until(self, states: set[str] | frozenset[str]) -> str:
        """Wait until the connection is in one of `states`; which one."""
        while self.state not in states:
            self._changed.clear()
            await self._changed.wait()
        return self.state

    async def round_trip_s(self) -> float | None:
        """Time of one connectivity check on the pair media uses; None if unanswered."""
        ice: Any = self._ice()
        pair = ice._nominated.get(1) if ice is not None else None
        if pair is None or ice.remote_password is None:
            return None
        request = ice.build_request(pair, nominate=False)
        began = time.monotonic()
        with contextlib.suppress(
            aioice.stun.TransactionError, ConnectionError, OSError
        ):
            await pair.protocol.request(
                request,
                pair.remote_addr,
                integrity_key=ice.remote_password.encode(),
                retransmissions=0,
            )
            return time.monotonic() - began
        return None

    async def close(self) -> None:
        """Stop everything; harmless to repeat."""
        await self.connection.close()

    def _ice(self) -> Any:
        transceivers = self.connection.getTransceivers()
        if not transceivers:
            return None
        return transceivers[0].receiver.transport.transport._connection

    async def _gather_loopback(self) -> None:
        """Bind loopback too; the server learns these as peer-reflexive candidates."""
        ice: Any = self._ice()
        for address in LOOPBACK:
            with contextlib.suppress(OSError):
                ice._local_candidates += await ice.get_component_candidates(
                    component=1, addresses=[address]
                )
