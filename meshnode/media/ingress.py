"""From a datagram of the media port to the machine that understands it.

The first byte says what a datagram claims to be (RFC 7983).  STUN may come from
anywhere and leaves no state behind.  Everything else must come from an address that an
authenticated check validated, or it is dropped before anybody looks at it: a bogus
ClientHello, alert or RTP packet from elsewhere cannot touch a transport.  RTP and RTCP
must then prove genuine before they count as a sign of life.
"""

from __future__ import annotations

from collections import Counter
from time import monotonic

from meshnode.media.link_ice import LinkIce, SocketWays
from meshnode.media.plane import (
    Address,
    DtlsReceived,
    PlaneEvent,
    TransportSilent,
    TransportValidated,
)
from meshnode.media.sender import Control
from meshnode.media.session import Session
from meshnode.media.udp import UdpSocket, local_end
from meshproto.errors import DecodeError
from meshproto.forwarding.forwarder import Forwarder
from meshproto.ice.events import Local
from meshproto.ice.lite import IceLite
from meshproto.ice.path import IceEvent, PathSelected, Remote
from meshproto.ids import TransportId
from meshproto.wire import stun
from meshproto.wire.demux import DatagramKind, classify

DTLS_WAITING_MAX = 1024
"""DTLS datagrams that may wait for the end of a batch."""

_RTP, _RTCP = DatagramKind.RTP, DatagramKind.RTCP
_STUN, _DTLS = DatagramKind.STUN, DatagramKind.DTLS


class Ingress:
    """Sorts what arrives.  `events` collects what control should know."""

    def __init__(
        self,
        sessions: dict[TransportId, Session],
        lite: IceLite,
        links: LinkIce,
        ways: SocketWays,
        forwarder: Forwarder,
        events: list[PlaneEvent],
    ) -> None:
        self.drops: Counter[str] = Counter()
        self.packets = 0
        self.octets = 0
        self._sessions = sessions
        self._lite = lite
        self._links = links
        self._ways = ways
        self._by_address = lite.by_address
        self._forwarder = forwarder
        self._events = events

    def receive(
        self, datagram: bytes, address: Address, sock: UdpSocket, control: Control
    ) -> None:
        """Take any datagram from anywhere.  Never raises."""
        kind = classify(datagram)
        if kind is _STUN:
            self._stun(datagram, address, sock, control)
            return
        remote = self._by_address.get(address)
        if remote is None:
            self.drops[f"unvalidated-{kind.value}"] += 1
        elif kind is _RTP or kind is _RTCP:
            self._media(datagram, remote, kind is _RTCP)
        elif kind is _DTLS:
            self._dtls(datagram, remote)
        else:
            self.drops[f"unused-{kind.value}"] += 1

    def _media(self, datagram: bytes, remote: Remote, is_rtcp: bool) -> None:
        path = remote.path
        inbound = self._sessions[path.transport].inbound
        if path.proving:
            path.received(remote, len(datagram))
        if inbound is None:
            self.drops["srtp-before-keys"] += 1
            return
        try:
            if is_rtcp:
                plain = inbound.unprotect_rtcp(datagram)
            else:
                plain = inbound.unprotect(datagram)
        except DecodeError as error:
            self.drops[error.reason] += 1
            return
        remote.heard = now = monotonic()
        if path.proving:
            path.prove(remote)
        if is_rtcp:
            self._forwarder.receive_rtcp(path.transport, plain, now)
        else:
            self.packets += 1
            self.octets += len(datagram)
            self._forwarder.receive_rtp(path.transport, plain, now)

    def _dtls(self, datagram: bytes, remote: Remote) -> None:
        remote.path.received_dtls(remote, len(datagram))
        if len(self._events) >= DTLS_WAITING_MAX:
            self.drops["dtls-waiting-full"] += 1
            return
        self._events.append(DtlsReceived(remote.path.transport, datagram))

    def _stun(
        self, datagram: bytes, address: Address, sock: UdpSocket, control: Control
    ) -> None:
        try:
            message = stun.decode(datagram)
        except DecodeError as error:
            self._lite.malformed(error)
            return
        path, now = sock.path(address, control), monotonic()
        end = Local(self._ways.sockets.index(sock), local_end(path))
        if self._links.receive(message, address, end, now):
            return
        local = (sock.address, end.address)
        reply, event = self._lite.handle(message, address, now, local)
        if reply is not None:
            path.send(reply)
        if isinstance(event, PathSelected):
            # From here on the transport answers from the address the check asked.
            self._sessions[event.transport].path = path
        if event is not None:
            self.noticed(event)

    def noticed(self, event: IceEvent) -> None:
        """Pass an ICE event on, and stop sending where consent ran out."""
        if isinstance(event, PathSelected):
            self._events.append(TransportValidated(event.transport, event.address))
            return
        if event.expired:
            self._sessions[event.transport].path = None
        self._events.append(
            TransportSilent(event.transport, event.silence_s, event.expired)
        )
