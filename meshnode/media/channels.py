"""Data channels of one client: SCTP over our DTLS, with its excesses cut off.

aiortc's SCTP transport does the protocol (RFC 8831, RFC 8832).  It was written to sit
on aiortc's own DTLS transport, of which it uses four names; `_Carrier` offers them.
Its coroutines never wait for anything once the carrier does not, so they are run to
their end on the spot (`_run`): no task per client, and order is arrival order.

It trusts its peer, which we do not.  A peer that overruns the advertised window, opens
streams without end, leaves holes without end or makes it raise loses its association;
media goes on.  Clients open channels, the node only answers on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

from aiortc import RTCDataChannel
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

CHANNELS_MAX = 16
HOLES_MAX = 1024
"""Chunks that may be missing at once; the window of 1 MiB needs fewer."""
WINDOW_OVERRUN_MAX_BYTES = 262144
ERRORS_MAX = 8
BUFFERED_MAX_BYTES = 1048576
"""Bytes that may wait for a slow client; what comes on top is refused."""
LABEL_MAX = 256
SCTP_PORT = 5000


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """One message of a client's data channel; text arrives as `str`."""

    label: str
    protocol: str
    ordered: bool
    data: bytes | str


class _Carrier:
    """What aiortc's SCTP needs of a DTLS transport, and no more."""

    state = "connected"

    def __init__(self, role: str, send: Callable[[bytes], object]) -> None:
        self._role = role
        self._send = send

    async def _send_data(self, data: bytes) -> None:
        self._send(data)

    def _register_data_receiver(self, receiver: object) -> None:
        """The caller feeds the receiver itself."""

    def _unregister_data_receiver(self, receiver: object) -> None:
        """Nothing was registered."""


class DataChannels:
    """The SCTP association of one client.

    `send` takes one SCTP packet for the DTLS association whose `role` is given;
    `deliver` gets every message of at most `message_bytes`.
    """

    def __init__(
        self,
        role: str,
        send: Callable[[bytes], object],
        deliver: Callable[[ChannelMessage], None],
        message_bytes: int,
    ) -> None:
        self.drops: Counter[str] = Counter()
        self.open = True
        self._deliver = deliver
        self._message_bytes = message_bytes
        self._errors = 0
        self._channels: dict[int, RTCDataChannel] = {}
        carrier = cast(RTCDtlsTransport, _Carrier(role, send))
        self._sctp = RTCSctpTransport(carrier, SCTP_PORT)
        self._sctp.on("datachannel", self._opened)

    def start(self, remote_port: int = SCTP_PORT) -> None:
        """Begin the association; both sides do (RFC 8841 section 9.3)."""
        # The peer's real limit is in its description; ours is the smaller one.
        capabilities = RTCSctpCapabilities(maxMessageSize=self._message_bytes)
        _run(self._sctp.start(capabilities, remote_port))

    def receive(self, packet: bytes) -> None:
        """Feed one SCTP packet that came out of DTLS; never raises."""
        if not self.open:
            return
        try:
            _run(self._sctp._handle_data(packet))  # noqa: SLF001
        except Exception:  # aiortc raises whatever its parser meets
            self._errors += 1
            self.drops["sctp-error"] += 1
        if self._errors > ERRORS_MAX or self._is_excessive():
            self.drops["sctp-abort"] += 1
            self.close()

    def send(self, label: str, data: bytes | str) -> bool:
        """Send on every open channel of that label; False when none took it."""
        taken = False
        for channel in self._channels.values():
            if channel.label == label and channel.readyState == "open":
                taken |= self._send_on(channel, data)
        return taken

    def labels(self) -> tuple[str, ...]:
        """The labels of the channels that are open now."""
        return tuple(c.label for c in self._channels.values() if c.readyState == "open")

    def close(self) -> None:
        """Abort the association; cancels its timers and closes its channels."""
        if self.open:
            self.open = False
            _run(self._sctp.stop())
            self._channels.clear()

    def _send_on(self, channel: RTCDataChannel, data: bytes | str) -> bool:
        size = len(data.encode()) if isinstance(data, str) else len(data)
        full = channel.bufferedAmount + size > BUFFERED_MAX_BYTES
        if full or size > self._message_bytes:
            self.drops["channel-full" if full else "message-large"] += 1
            return False
        channel.send(data)
        return True

    def _opened(self, channel: RTCDataChannel) -> None:
        number = channel.id
        names = len(channel.label) + len(channel.protocol)
        if number is None or len(self._channels) >= CHANNELS_MAX or names > LABEL_MAX:
            self.drops["channel-refused"] += 1
            channel.close()
            return
        self._channels[number] = channel
        channel.on("message", lambda data: self._message(channel, data))
        channel.on("close", lambda: self._channels.pop(number, None))

    def _message(self, channel: RTCDataChannel, data: bytes | str) -> None:
        size = len(data.encode()) if isinstance(data, str) else len(data)
        if size > self._message_bytes:
            self.drops["message-large"] += 1
            return
        self._deliver(
            ChannelMessage(channel.label, channel.protocol, channel.ordered, data)
        )

    def _is_excessive(self) -> bool:
        """True when the peer uses more of aiortc's tables than any honest one."""
        sctp = self._sctp
        return (
            sctp._advertised_rwnd < -WINDOW_OVERRUN_MAX_BYTES  # noqa: SLF001
            or len(sctp._sack_misordered) > HOLES_MAX  # noqa: SLF001
            or len(sctp._inbound_streams) > 4 * CHANNELS_MAX  # noqa: SLF001
            or len(sctp._data_channels) > 2 * CHANNELS_MAX  # noqa: SLF001
        )


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing to its end."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("an SCTP coroutine waited; aiortc has changed")
