"""The seam between control and the packet path (RFC 0002 section 6).

A plane owns the UDP port: it answers STUN, runs ICE (lite for clients, full between
nodes), protects and forwards RTP.
It does not speak DTLS; it hands DTLS datagrams of validated transports up and sends
what it is told, so that a handshake can never block media.  Everything that crosses is
plain data in both directions.  `reference` implements it in Python, `native` in Rust.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from meshproto.forwarding.events import ForwardingEvent
from meshproto.forwarding.levels import Levels
from meshproto.forwarding.relay_table import PlaneDelta, PlaneNotice
from meshproto.forwarding.table import TransportKind
from meshproto.ice.events import Checked, MappedSeen, Probed
from meshproto.ids import ConsumerId, NodeId, ProducerId, StreamId, TransportId

Address = tuple[str, int]
"""IP address (text, no zone, never IPv4-mapped) and UDP port."""


@dataclass(frozen=True, slots=True)
class TransportSpec:
    """What a plane needs to know to accept a remote.

    A client is recognised by `local_ufrag` in its connectivity checks and proves that
    it read our description by `local_pwd` (RFC 8445 section 7.3).  `remote_ufrag` is
    checked as well.  `node` is the neighbour behind a RELAY transport: the deltas about
    legs name it, never the transport.  For it alone are `remote_pwd`, the neighbour's
    `candidates`, best first, and `controlling` (we dialled): both ends of a link check.
    """

    transport: TransportId
    kind: TransportKind
    local_ufrag: str = ""
    local_pwd: str = ""
    remote_ufrag: str = ""
    start_bitrate_bps: int = 0
    node: NodeId | None = None
    remote_pwd: str = ""
    candidates: tuple[Address, ...] = ()
    controlling: bool = False


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """The two directions of a DTLS-SRTP association (RFC 5764 section 4.2)."""

    profile: str  # "AEAD_AES_128_GCM", "AEAD_AES_256_GCM" or "AES128_CM_SHA1_80"
    send_key: bytes
    send_salt: bytes
    receive_key: bytes
    receive_salt: bytes


@dataclass(frozen=True, slots=True)
class TransportValidated:
    """An authenticated check opened the transport (or moved it) to `address`."""

    transport: TransportId
    address: Address


@dataclass(frozen=True, slots=True)
class TransportSilent:
    """Neither checks nor media for `silence_s`; `expired` once consent ran out
    (RFC 7675, 30 s): the transport sends no more.
    """

    transport: TransportId
    silence_s: float
    expired: bool


@dataclass(frozen=True, slots=True)
class DtlsReceived:
    """A DTLS datagram from the transport's validated address."""

    transport: TransportId
    datagram: bytes


@dataclass(frozen=True, slots=True)
class LocalFeedback:
    """A compound RTCP packet for a LOCAL transport: what its producer is asked for
    (PLI, NACK) or what its consumers are told (sender reports).
    """

    transport: TransportId
    packet: bytes


@dataclass(frozen=True, slots=True)
class PlaneFault:
    """The plane could not do something and degraded (GSO off, address unusable)."""

    reason: str


PlaneEvent = (
    TransportValidated
    | TransportSilent
    | DtlsReceived
    | LocalFeedback
    | PlaneFault
    | Checked
    | Probed
    | MappedSeen
    | ForwardingEvent
    | PlaneNotice
)

LocalSink = Callable[[ConsumerId, bytes], None]
"""Receives plain RTP packets of a LOCAL transport's consumers."""


class MediaPlane(Protocol):
    """One implementation of the packet path.  Not thread safe; call from one loop."""

    async def open(self, hosts: Sequence[str], port: int) -> tuple[Address, ...]:
        """Bind every host on `port` (0: one free port for all) and start.

        Returns the bound addresses.  Raises `OSError` when a port is taken.
        """

    def on_event(self, handler: Callable[[PlaneEvent], None]) -> None:
        """Set the one receiver of events; it is called from the loop, never nested."""

    def add_transport(self, spec: TransportSpec) -> None:
        """Accept a remote.  Raises `LimitError` or `StateError` (id or ufrag taken)."""

    def restart_transport(self, spec: TransportSpec) -> None:
        """ICE restart: new credentials for a live transport, media goes on."""

    def add_candidates(
        self, transport: TransportId, addresses: Iterable[Address]
    ) -> None:
        """More addresses of a RELAY transport's node.  Raises `StateError`."""

    def pace(self, transport: TransportId, interval_s: float) -> None:
        """How often to check a RELAY transport (`Checked`).  Raises `StateError`."""

    def check(self, transport: TransportId) -> None:
        """Check a RELAY transport, live or silent, at once (`Checked`), unless one is
        under way.  Raises `StateError`.
        """

    def probe(self, address: Address, token: int) -> None:
        """One plain Binding to a media port; ends in `Probed`.  Raises `LimitError`."""

    def set_keys(self, transport: TransportId, keys: SrtpKeys) -> None:
        """Start protecting and unprotecting with the keys of the finished handshake."""

    def dtls_authentic(self, transport: TransportId) -> None:
        """The last DTLS datagram handed up proved genuine: its source is no victim of
        an address move (RFC 0002 section 3).
        """

    def send_dtls(self, transport: TransportId, datagrams: Iterable[bytes]) -> None:
        """Send to the validated address; dropped and counted while there is none."""

    def close_transport(self, transport: TransportId) -> None:
        """Forget the remote with its producers and consumers.  Unknown ids are fine."""

    def program(self, deltas: Iterable[PlaneDelta]) -> None:
        """Apply changes to the forwarding table, and to legs between nodes, in order.

        Raises `LimitError` or `StateError` for the first delta that cannot be applied;
        the ones before it stay applied.
        """

    def inject(self, producer: ProducerId, packets: Sequence[bytes]) -> None:
        """Feed plain RTP (or RTCP) packets of a LOCAL transport's producer."""

    def on_local(self, transport: TransportId, sink: LocalSink) -> None:
        """Where the plain packets of a LOCAL transport's consumers go."""

    def stream_history(self, stream: StreamId) -> tuple[int, int] | None:
        """(first number of the key-frame cache, newest number) of a stream carried
        here; None while it has no packets.
        """

    def stats(self) -> dict[str, Any]:
        """Counters and gauges: plain dict, see RFC 0002 section 7 for the shape."""

    def sent(self) -> tuple[int, int]:
        """Octets that left by the port with their IP headers, and octets of media of
        them that went to other nodes.
        """

    def producer_stats(self) -> dict[ProducerId, dict[str, object]]:
        """The producers' part of `stats`: read every other second, so that it must not
        cost anything per consumer.
        """

    def audio_levels(self, since: Mapping[ProducerId, int]) -> Levels:
        """How loud each audio producer was after the packet number in `since`."""

    async def close(self) -> None:
        """Stop and release the port."""
