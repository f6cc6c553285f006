"""The links of a media port: made from two descriptors, found again by transport.

Handshakes are bounded per node and second, whoever asks for them: a flash crowd that
dials us is slowed down here, before any key was computed (RFC 0005 section 5.1).
"""

from __future__ import annotations

import asyncio
from collections import Counter

from meshnode.media.certificate import Certificate
from meshnode.media.dtls import DtlsEndpoint
from meshnode.media.dtls_context import DtlsRole, make_context
from meshnode.media.link_transport import LinkOwner, LinkTransport
from meshnode.media.plane import (
    Address,
    DtlsReceived,
    MediaPlane,
    PlaneEvent,
    TransportSilent,
    TransportSpec,
    TransportValidated,
)
from meshproto.bucket import Bucket
from meshproto.errors import LimitError
from meshproto.forwarding.table import TransportKind
from meshproto.ice.events import Checked
from meshproto.ids import NodeId, TransportId
from meshproto.wire.control.descriptor import LinkDescriptor
from meshproto.wire.control.peer import MediaAddress
from meshproto.wire.stun_attributes import pack_host, unpack_host

HANDSHAKES_PER_S = 50
LINKS_MAX = 256
"""As many as the agent of links checks."""
PROFILES = ("AEAD_AES_128_GCM", "AEAD_AES_256_GCM")
"""Legs use nothing else (RFC 0011 section 8)."""


class LinkTable(LinkOwner):
    """All `LinkTransport` of a port."""

    def __init__(self, plane: MediaPlane, certificate: Certificate) -> None:
        self.plane = plane
        self._context = make_context(certificate, PROFILES)
        self._links: dict[TransportId, LinkTransport] = {}
        self._drops: Counter[str] = Counter()
        self._handshakes: Bucket | None = None

    def __len__(self) -> int:
        return len(self._links)

    def add(
        self,
        transport: TransportId,
        node: NodeId,
        credentials: tuple[str, str],
        remote: LinkDescriptor,
        *,
        controlling: bool,
        dtls_role: DtlsRole,
    ) -> LinkTransport:
        """See `MediaPort.link`."""
        if len(self._links) >= LINKS_MAX:
            raise LimitError("links", LINKS_MAX)
        now = asyncio.get_running_loop().time()
        if self._handshakes is None:
            self._handshakes = Bucket(HANDSHAKES_PER_S, HANDSHAKES_PER_S, now)
        if not self._handshakes.take(now):
            raise LimitError("handshakes_per_s", HANDSHAKES_PER_S)
        fingerprint = remote.fingerprint.hex(":").upper()
        dtls = DtlsEndpoint(dtls_role, self._context, (("sha-256", fingerprint),))
        spec = TransportSpec(
            transport,
            TransportKind.RELAY,
            *credentials,
            remote.ufrag,
            node=node,
            remote_pwd=remote.pwd,
            candidates=tuple(map(to_address, remote.candidates)),
            controlling=controlling,
        )
        self.plane.add_transport(spec)
        made = self._links[transport] = LinkTransport(self, spec, dtls)
        return made

    def event(self, event: PlaneEvent) -> bool:
        """Pass an event on to its link; False if it is about none."""
        match event:
            case DtlsReceived(transport, datagram) if link := self._of(transport):
                link.receive_dtls(datagram)
            case TransportValidated(transport, address) if link := self._of(transport):
                link.validated(address)
            case TransportSilent(transport, s, expired) if link := self._of(transport):
                link.silent(s, expired)
            case Checked(transport, rtt_s):
                if link := self._of(transport):
                    link.checked(rtt_s)
            case _:
                return False
        return True

    def drops(self) -> Counter[str]:
        """What had no effect on any link there was, by reason."""
        dropped = self._drops.copy()
        for link in self._links.values():
            dropped.update(link.drops())
        return dropped

    def close(self, reason: str) -> None:
        """Say goodbye on every link."""
        for link in tuple(self._links.values()):
            link.close(reason)

    def link_released(self, link: LinkTransport) -> None:
        """See `LinkOwner.link_released`."""
        self._drops.update(link.drops())
        self._links.pop(link.id, None)

    def _of(self, transport: TransportId) -> LinkTransport | None:
        return self._links.get(transport)


def to_address(address: MediaAddress) -> Address:
    """An address of a record as sockets write it."""
    return unpack_host(address.ip), address.port


def to_media(address: Address) -> MediaAddress:
    """The other way round."""
    return MediaAddress(pack_host(address[0]), address[1])
