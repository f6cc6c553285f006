"""One remote: what its packets mean on the way in, what it can take on the way out.

Inwards it knows which SSRC belongs to which layer and what the header extension ids
stand for (one meaning per connection: BUNDLE demands that, RFC 9143 section 9.1).
Outwards it numbers packets over the transport and asks congestion control.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.clock import PublisherClock
from meshproto.forwarding.config import RandomSource
from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.forwarding.congestion.pacer import Priority
from meshproto.forwarding.congestion.sender import TransportSender
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.feedback import ArrivalRecorder
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.reports import SentReports
from meshproto.forwarding.sentlog import SentLog
from meshproto.forwarding.table import TransportKind
from meshproto.ids import TransportId
from meshproto.wire import extensions
from meshproto.wire.parameters import Extension

if TYPE_CHECKING:
    from meshproto.forwarding.relay.stream import Neighbour


class Role(Enum):
    """What the forwarder does with an element of a publisher's header extension."""

    CARRY = 1
    FRAME = 2
    MID = 3
    RID = 4
    REPAIRED_RID = 5
    SEQUENCE = 6


_ROLES = {
    extensions.MID: Role.MID,
    extensions.RID: Role.RID,
    extensions.REPAIRED_RID: Role.REPAIRED_RID,
    extensions.TRANSPORT_SEQUENCE: Role.SEQUENCE,
    extensions.DEPENDENCY_DESCRIPTOR: Role.FRAME,
}


class Source(NamedTuple):
    """What an SSRC carries: packets of `layer`, or repairs of them."""

    producer: Producer
    layer: Layer
    repair: bool


class Transport:
    """State of one remote.

    `sending` is False until the plane can protect packets.  `number` is the next
    transport-wide number; `numbering` tells whether any consumer writes it,
    `heard_to` is where the next feedback begins unless one is lost.  `moving`:
    there was media to choose from when layers were last chosen.  `neighbour` is the
    node behind a RELAY transport.
    """

    __slots__ = (
        "_spent",
        "arrivals",
        "clock",
        "consumers",
        "full",
        "heard_to",
        "id",
        "kind",
        "latched",
        "log",
        "moving",
        "neighbour",
        "number",
        "numbering",
        "producers",
        "reported",
        "roles",
        "rtt_s",
        "sender",
        "sending",
        "sources",
        "ssrc",
        "told_bps",
    )

    def __init__(
        self,
        transport: TransportId,
        kind: TransportKind,
        start_bitrate_bps: int,
        random: RandomSource,
    ) -> None:
        self.id = transport
        self.kind = kind
        self.sending = kind is TransportKind.LOCAL
        self.ssrc = random.getrandbits(32) or 1
        self.roles: dict[int, Role] = {}
        self.sources: dict[int, Source] = {}
        self._spent: set[int] = set()
        self.latched = 0
        self.full = False
        self.producers: dict[int, Producer] = {}
        self.consumers: dict[int, Consumer] = {}
        self.arrivals: ArrivalRecorder | None = None
        self.number = 0
        self.heard_to: int | None = None
        self.numbering = False
        self.rtt_s: float | None = None
        self.told_bps = 0
        self.moving = True
        self.neighbour: Neighbour | None = None
        self.clock = PublisherClock()
        self.reported = SentReports()
        self.log = SentLog()
        self.sender: TransportSender | None = None
        if kind is TransportKind.CLIENT:
            config = CongestionConfig()
            if start_bitrate_bps:
                config = CongestionConfig(start_bps=start_bitrate_bps)
            self.sender = TransportSender(config)

    def learn(self, negotiated: tuple[Extension, ...]) -> None:
        """Extension ids of one more producer."""
        for extension in negotiated:
            role = _ROLES.get(extension.uri, Role.CARRY)
            if extension.uri == extensions.ABS_SEND_TIME:
                continue  # ours is stamped anew, the publisher's says nothing to us
            self.roles[extension.id] = role
            if role is Role.SEQUENCE and self.arrivals is None:
                self.arrivals = ArrivalRecorder()

    def spend(self, ssrc: int, rtx_ssrc: int | None, limit: int) -> None:
        """Reserve the SSRCs of a consumer for good.

        Raises `StateError` for one that was used before: under the same key its packet
        indices, and so the nonces, would come again (RFC 3711 section 9.1).
        """
        wanted = {ssrc} if rtx_ssrc is None else {ssrc, rtx_ssrc}
        if ssrc == rtx_ssrc or wanted & self._spent:
            raise StateError(f"transport {self.id} used SSRC {ssrc} or {rtx_ssrc}")
        if len(self._spent) >= limit:
            raise LimitError("consumers", limit // 2)
        if self.kind is TransportKind.CLIENT:
            self._spent |= wanted

    def admit(self, now: float) -> bool:
        """Whether congestion control lets a live burst pass."""
        return self.sender is None or self.sender.admit(now)

    def ready_at(self, now: float, priority: Priority) -> float:
        """When a packet of that kind may leave, at best `now`."""
        return now if self.sender is None else self.sender.ready_at(now, priority)

    def sent(self, count: int, size: int, now: float) -> None:
        """`count` packets of `size` octets together leave now, numbered in order."""
        if self.sender is not None:
            self.sender.on_sent_burst(self.number & 0xFFFF, count, size, now)
        self.number += count
