"""What every DTLS association of the media port has, whoever is at the other end.

`ClientTransport` and `LinkTransport` differ in their lives and in what they carry; here
is what they share: the timer of the handshake's repetitions, waiting for the end of the
handshake, a goodbye that frees everything, and handlers that may fail alone.

A base class and no part that is held: a part would hold its owner's methods, and an
association in a cycle keeps 70 KiB inside OpenSSL until a collection, which counts
objects and not their size.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar

from meshnode.media.dtls import DtlsEndpoint
from meshnode.media.plane import Address, MediaPlane
from meshproto.errors import StateError
from meshproto.ids import TransportId

T = TypeVar("T")


class PlaneOwner(Protocol):
    """What an association needs of its port, at least."""

    plane: MediaPlane


class Association(ABC):
    """One remote with a DTLS association.  Belongs to the loop that makes it.

    `close_reason` is empty until it closes; `address` is where the plane found it.
    """

    def __init__(
        self, owner: PlaneOwner, transport: TransportId, dtls: DtlsEndpoint
    ) -> None:
        self.id: TransportId = transport
        self.close_reason = ""
        self.address: Address | None = None
        self._plane = owner.plane
        self._dtls = dtls
        self._loop = asyncio.get_running_loop()
        self._settled: asyncio.Future[None] = self._loop.create_future()
        self._ended = False
        self._dtls_timer: asyncio.TimerHandle | None = None

    async def connected(self, timeout_s: float | None = None) -> None:
        """Wait for the handshake.

        Raises `StateError` with the reason when the association closes instead, and
        `TimeoutError` after `timeout_s` (it lives on then).
        """
        async with asyncio.timeout(timeout_s):
            await asyncio.shield(self._settled)
        if self._ended:
            raise StateError(self.close_reason)

    @abstractmethod
    def _pump(self) -> None:
        """Something happened to the endpoint: send, follow its state, re-arm."""

    def _transmit(self) -> None:
        """Send what the endpoint has to say."""
        datagrams = self._dtls.transmit()
        if datagrams:
            self._plane.send_dtls(self.id, datagrams)

    def _end(self, reason: str) -> None:
        """Say goodbye and give the transport back to the plane."""
        self._ended, self.close_reason = True, reason
        self._dtls.close()
        self._transmit()
        self._plane.close_transport(self.id)
        self._arm_dtls()

    def _settle(self) -> None:
        """Whoever waits for the handshake waits no longer."""
        if not self._settled.done():
            self._settled.set_result(None)

    def _arm_dtls(self) -> None:
        if self._dtls_timer is not None:
            self._dtls_timer.cancel()
            self._dtls_timer = None
        due = self._dtls.next_timeout
        if due is not None:
            self._dtls_timer = self._loop.call_at(due, self._dtls_timeout)

    def _dtls_timeout(self) -> None:
        self._dtls_timer = None
        self._dtls.handle_timeout(self._loop.time())
        self._pump()

    def _tell(self, handler: Callable[[T], None], what: T) -> None:
        """Call a handler; one that raises must not keep the others from hearing."""
        try:
            handler(what)
        except Exception as error:
            self._loop.call_exception_handler(
                {"message": f"{handler!r} raised on {self!r}", "exception": error}
            )
