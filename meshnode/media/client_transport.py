"""One client: ICE credentials, DTLS association, data channels, and its life.

The plane knows addresses and packets, `DtlsEndpoint` the handshake, `DataChannels` the
messages; this class joins them for one client and answers the only questions that
signalling has: is it connected, and if not any more, why.

    NEW --check arrived--> CONNECTING --handshake done--> CONNECTED
     |                        |                           |
     +------------------------+---------------------------+--> CLOSED

CLOSED is final and always has a reason.  A client that is not CONNECTED within the
time it was given is closed, so abandoned offers cannot fill the table.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from meshnode.media.association import Association
from meshnode.media.dtls import DtlsEndpoint, DtlsState
from meshnode.media.plane import Address, MediaPlane, TransportSpec
from meshproto.errors import StateError

if TYPE_CHECKING:
    from meshnode.media.channels import ChannelMessage, DataChannels

CHANNELS = "meshnode.media.channels"
REST_AFTER_S = 10.0
"""Time after the handshake in which a client repeats what it thinks was lost."""


class TransportState(Enum):
    """Life of a client transport."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class Owner(Protocol):
    """What a transport needs of its port."""

    plane: MediaPlane

    def released(self, transport: ClientTransport) -> None:
        """The transport closed and must be forgotten."""

    def rested(self) -> None:
        """A transport let memory go."""

    def new_credentials(self) -> tuple[str, str]:
        """A fresh ICE (ufrag, pwd) that no live transport uses."""


StateHandler = Callable[["ClientTransport"], None]
MessageHandler = Callable[["ChannelMessage"], None]


class ClientTransport(Association):
    """A WebRTC client on the media port.  Made by `MediaPort.accept` only."""

    def __init__(
        self,
        owner: Owner,
        spec: TransportSpec,
        dtls: DtlsEndpoint,
        connect_timeout_s: float,
        message_bytes: int,
    ) -> None:
        super().__init__(owner, spec.transport, dtls)
        self.state = TransportState.NEW
        self._owner = owner
        self._spec = spec
        self._message_bytes = message_bytes
        self._channels: DataChannels | None = None
        if message_bytes and CHANNELS not in sys.modules:
            # why ahead, and not on the loop: aiortc and its FFmpeg take half a second
            self._loop.run_in_executor(None, importlib.import_module, CHANNELS)
        self._on_state: list[StateHandler] = []
        self._on_message: list[MessageHandler] = []
        self._rest_timer: asyncio.TimerHandle | None = None
        self._connect_timer = self._loop.call_later(
            connect_timeout_s,
            self.close,
            f"not connected within {connect_timeout_s:g} s",
        )

    # -- what signalling uses ----------------------------------------------------------

    @property
    def local_ufrag(self) -> str:
        """Our ICE user fragment, for `a=ice-ufrag`."""
        return self._spec.local_ufrag

    @property
    def local_pwd(self) -> str:
        """Our ICE password, for `a=ice-pwd`."""
        return self._spec.local_pwd

    @property
    def remote_ufrag(self) -> str:
        """The client's ICE user fragment."""
        return self._spec.remote_ufrag

    @property
    def srtp_profile(self) -> str:
        """The SRTP profile in use, empty before the handshake is done."""
        return self._dtls.keys.profile if self._dtls.keys else ""

    def on_state(self, handler: StateHandler) -> None:
        """Call `handler(self)` after every change of state, the final one included."""
        self._on_state.append(handler)

    def on_message(self, handler: MessageHandler) -> None:
        """Call `handler` for every data-channel message of this client."""
        self._on_message.append(handler)

    def send_message(self, label: str, data: bytes | str) -> bool:
        """Send on the client's open channels of that label.

        False when it has none, or they are full, or the message is too large.
        """
        return self._channels is not None and self._channels.send(label, data)

    def channel_labels(self) -> tuple[str, ...]:
        """Labels of the data channels the client has open."""
        return self._channels.labels() if self._channels else ()

    def restart_ice(
        self, remote_ufrag: str, local: tuple[str, str] | None = None
    ) -> tuple[str, str]:
        """New credentials (ufrag, pwd) for the same association; media goes on.

        `local` are ours where an offer has already named them.  Raises `StateError` on
        a closed transport.
        """
        if self.state is TransportState.CLOSED:
            raise StateError("ICE restart of a closed transport")
        ufrag, pwd = local or self._owner.new_credentials()
        self._spec = replace(
            self._spec, local_ufrag=ufrag, local_pwd=pwd, remote_ufrag=remote_ufrag
        )
        self._plane.restart_transport(self._spec)
        return ufrag, pwd

    def close(self, reason: str = "closed here") -> None:
        """Say goodbye and free everything; only the first call does anything."""
        if self.state is TransportState.CLOSED:
            return
        self._connect_timer.cancel()
        if self._rest_timer is not None:
            self._rest_timer.cancel()
        if self._channels is not None:
            self._channels.close()
        self._end(reason)
        self._owner.released(self)
        self._enter(TransportState.CLOSED)
        # They hold who holds us: without this, the association's 70 KiB inside OpenSSL
        # wait for a collection of cycles, which counts objects and not their size.
        self._on_state.clear()
        self._on_message.clear()

    # -- what the port feeds -----------------------------------------------------------

    def validated(self, address: Address) -> None:
        """The plane found the client at `address`: the handshake may begin."""
        self.address = address
        if self.state is TransportState.NEW:
            self._enter(TransportState.CONNECTING)
            self._dtls.start(self._loop.time())
            self._pump()

    def receive_dtls(self, datagram: bytes) -> None:
        """A DTLS datagram from the validated address."""
        if self.state in (TransportState.CONNECTING, TransportState.CONNECTED):
            self._dtls.receive(datagram, self._loop.time())
            self._pump()

    def drops(self) -> dict[str, int]:
        """What was refused of this client's DTLS and SCTP, by reason."""
        counted = self._dtls.drops.copy()
        if self._channels is not None:
            counted += self._channels.drops
        return dict(counted)

    # -- inside ------------------------------------------------------------------------

    def _pump(self) -> None:
        """After each input: send, follow the state, hand data on, re-arm the timer."""
        self._transmit()
        if (
            self._dtls.state is DtlsState.CONNECTED
            and self.state is TransportState.CONNECTING
        ):
            self._handshake_done()
        received = self._dtls.received()
        if received:
            self._plane.dtls_authentic(self.id)
        if self._channels is not None:
            for packet in received:
                self._channels.receive(packet)
        if self._dtls.state in (DtlsState.CLOSED, DtlsState.FAILED):
            failed = self._dtls.state is DtlsState.FAILED
            self.close(f"DTLS failed: {self._dtls.reason}" if failed else "peer closed")
        else:
            self._arm_dtls()

    def _handshake_done(self) -> None:
        self._connect_timer.cancel()
        if self._dtls.keys is not None:
            self._plane.set_keys(self.id, self._dtls.keys)
        if self._message_bytes:
            from meshnode.media.channels import DataChannels  # noqa: PLC0415 - slow

            self._channels = DataChannels(
                self._dtls.role, self._send_sctp, self._deliver, self._message_bytes
            )
            self._channels.start()
        else:
            self._rest_timer = self._loop.call_later(REST_AFTER_S, self._rest)
        self._enter(TransportState.CONNECTED)

    def _rest(self) -> None:
        if self._dtls.rest():
            self._owner.rested()

    def _send_sctp(self, packet: bytes) -> None:
        if self._dtls.send(packet):
            self._transmit()

    def _deliver(self, message: ChannelMessage) -> None:
        for handler in tuple(self._on_message):
            self._tell(handler, message)

    def _enter(self, state: TransportState) -> None:
        self.state = state
        if state in (TransportState.CONNECTED, TransportState.CLOSED):
            self._settle()
        for handler in tuple(self._on_state):
            self._tell(handler, self)

    def __repr__(self) -> str:
        why = f" ({self.close_reason})" if self.close_reason else ""
        return f"<ClientTransport {self.id} {self.state.value}{why}>"
