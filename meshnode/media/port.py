"""The media port as signalling sees it: accept a client, learn what becomes of it.

`MediaPort` owns a plane (which owns the UDP socket) and one `ClientTransport` per
client.  It is the only receiver of the plane's events: DTLS and address events go to
the transport they belong to, everything else to the handler the node has set.

    port = MediaPort(plane, Certificate.generate())
    addresses = await port.open(["0.0.0.0", "::"], 5000)
    client = port.accept(remote_ufrag=..., remote_fingerprints=(("sha-256", ...),),
                         dtls_role="server")
    # answer with client.local_ufrag, client.local_pwd, port.fingerprint, addresses
    await client.connected(10)
    port.plane.program([AddProducer(..., transport=client.id), ...])
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import string
from collections import Counter
from collections.abc import Callable, Sequence

from meshnode.media.certificate import Certificate
from meshnode.media.client_transport import ClientTransport, StateHandler
from meshnode.media.dtls import DtlsEndpoint
from meshnode.media.dtls_context import DtlsRole, make_context
from meshnode.media.link_table import LinkTable
from meshnode.media.link_transport import LinkTransport
from meshnode.media.memory import give_back
from meshnode.media.plane import (
    Address,
    DtlsReceived,
    MediaPlane,
    PlaneEvent,
    TransportSilent,
    TransportSpec,
    TransportValidated,
)
from meshproto.errors import LimitError
from meshproto.forwarding.table import TransportKind
from meshproto.ids import NodeId, TransportId
from meshproto.wire.control.descriptor import LinkDescriptor

UFRAG_LENGTH = 12
PWD_LENGTH = 24
"""142 bits; RFC 8445 section 5.3 asks for 128."""
CONNECT_TIMEOUT_S = 15.0
TRIM_TRANSPORTS = 32
TRIM_DELAY_S = 5.0
"""How many transports must have rested or left, and how long for more of them is
waited.
"""
_ICE_CHARACTERS = string.ascii_letters + string.digits

EventHandler = Callable[[PlaneEvent], None]


class MediaPort:
    """All client transports of a node on one UDP port.

    `transports` bounds how many clients there may be, `message_bytes` one data-channel
    message.  `on_transport_state` is told of every transport's changes of state.
    """

    def __init__(
        self,
        plane: MediaPlane,
        certificate: Certificate,
        *,
        transports: int = 2048,
        message_bytes: int = 65536,
        on_transport_state: StateHandler | None = None,
    ) -> None:
        self.plane = plane
        self.addresses: tuple[Address, ...] = ()
        self._certificate = certificate
        self._context = make_context(certificate)
        self._links = LinkTable(plane, certificate)
        self._limit = transports
        self._message_bytes = message_bytes
        self._on_transport_state = on_transport_state
        self._on_event: EventHandler | None = None
        self._clients: dict[TransportId, ClientTransport] = {}
        self._ids = itertools.count(1)
        self._drops: Counter[str] = Counter()
        self._rested = 0
        self._trim_timer: asyncio.TimerHandle | None = None
        plane.on_event(self._event)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as "AB:CD:...", for `a=fingerprint:sha-256`."""
        return self._certificate.fingerprint

    @property
    def clients(self) -> tuple[ClientTransport, ...]:
        """The transports that are not closed."""
        return tuple(self._clients.values())

    async def open(self, hosts: Sequence[str], port: int) -> tuple[Address, ...]:
        """Bind all hosts on one UDP port (0: any free one) and start.

        Returns the bound addresses.  Raises `OSError` when the port is taken.
        """
        self.addresses = await self.plane.open(hosts, port)
        return self.addresses

    async def close(self) -> None:
        """Close every transport (with close_notify) and release the port."""
        for client in self.clients:
            client.close("node stopped")
        self._links.close("node stopped")
        if self._trim_timer is not None:
            self._trim_timer.cancel()
        await self.plane.close()

    def on_event(self, handler: EventHandler) -> None:
        """Set the receiver of forwarding events and plane faults."""
        self._on_event = handler

    def accept(
        self,
        *,
        remote_ufrag: str,
        remote_fingerprints: tuple[tuple[str, str], ...],
        dtls_role: DtlsRole,
        local_ufrag: str = "",
        local_pwd: str = "",
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        data: bool = False,
        start_bitrate_bps: int = 0,
    ) -> ClientTransport:
        """Expect a client; its checks open the transport.

        `remote_fingerprints` are (algorithm, "AB:CD:...") as in its description;
        credentials are made when not given.  `data` accepts data channels.  Raises
        `LimitError` when the table is full, `DecodeError` when no fingerprint is
        usable, `StateError` when the ufrag is taken.
        """
        if len(self._clients) >= self._limit:
            raise LimitError("transports", self._limit)
        dtls = DtlsEndpoint(dtls_role, self._context, remote_fingerprints)
        ufrag, pwd = self.new_credentials()
        spec = TransportSpec(
            TransportId(next(self._ids)),
            TransportKind.CLIENT,
            local_ufrag or ufrag,
            local_pwd or pwd,
            remote_ufrag,
            start_bitrate_bps,
        )
        self.plane.add_transport(spec)
        client = ClientTransport(
            self, spec, dtls, connect_timeout_s, self._message_bytes if data else 0
        )
        if self._on_transport_state is not None:
            client.on_state(self._on_transport_state)
        self._clients[client.id] = client
        return client

    def link(
        self,
        node: NodeId,
        *,
        local_ufrag: str,
        local_pwd: str,
        remote: LinkDescriptor,
        controlling: bool,
        dtls_role: DtlsRole,
    ) -> LinkTransport:
        """Begin an association with the node that sent `remote`, a descriptor that was
        opened, verified and found fresh by the caller.

        Raises `LimitError` for too many links or handshakes a second, `StateError`
        when the ufrag is taken or credentials are too short.
        """
        return self._links.add(
            TransportId(next(self._ids)),
            node,
            (local_ufrag, local_pwd),
            remote,
            controlling=controlling,
            dtls_role=dtls_role,
        )

    def add_local(self) -> TransportId:
        """A transport to this process: `plane.inject` and `plane.on_local` use it.

        End it with `plane.close_transport`.
        """
        spec = TransportSpec(TransportId(next(self._ids)), TransportKind.LOCAL)
        self.plane.add_transport(spec)
        return spec.transport

    def add_mesh(self) -> TransportId:
        """A transport to nobody, for the producers of a stream that legs bring.

        End it with `plane.close_transport`.
        """
        spec = TransportSpec(TransportId(next(self._ids)), TransportKind.MESH)
        self.plane.add_transport(spec)
        return spec.transport

    def stats(self) -> dict[str, object]:
        """The plane's counters with the port's own under "clients" and "drops"."""
        dropped = self._drops.copy()
        for client in self._clients.values():
            dropped.update(client.drops())
        dropped.update(self._links.drops())
        return {
            "plane": self.plane.stats(),
            "clients": len(self._clients),
            "links": len(self._links),
            "drops": dict(dropped),
        }

    # -- what transports and the plane call --------------------------------------------

    def new_credentials(self) -> tuple[str, str]:
        """A fresh ICE (ufrag, pwd); 71 bits make a collision of ufrags unthinkable."""
        return _random_text(UFRAG_LENGTH), _random_text(PWD_LENGTH)

    def released(self, transport: ClientTransport) -> None:
        """A transport closed: keep its counters, forget the rest."""
        self._drops.update(transport.drops())
        self._clients.pop(transport.id, None)
        self.rested()

    def rested(self) -> None:
        """A transport let memory go: with many others it goes back to the system."""
        self._rested += 1
        if self._rested >= TRIM_TRANSPORTS and self._trim_timer is None:
            loop = asyncio.get_running_loop()
            self._trim_timer = loop.call_later(TRIM_DELAY_S, self._trim)

    def _trim(self) -> None:
        self._rested, self._trim_timer = 0, None
        give_back()

    def _event(self, event: PlaneEvent) -> None:
        if self._links.event(event):
            return
        if isinstance(event, DtlsReceived):
            if client := self._clients.get(event.transport):
                client.receive_dtls(event.datagram)
        elif isinstance(event, TransportValidated):
            if client := self._clients.get(event.transport):
                client.validated(event.address)
        elif isinstance(event, TransportSilent) and event.expired:
            if client := self._clients.get(event.transport):
                client.close(f"no consent for {event.silence_s:.0f} s")
        elif self._on_event is not None:
            self._on_event(event)


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ICE_CHARACTERS) for _ in range(length))
