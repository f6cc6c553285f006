"""From what the forwarder decided to datagrams on the wire.

Everything to a client passes one gate: is there a validated address, and while that
address has not proved itself since a move, is there budget left (at most three times
what came from it; RFC 0002 section 3).  A burst is protected and sent consumer by
consumer, so its packets leave in few calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from operator import add

from meshnode.media.session import RepeatRing, Session
from meshnode.media.uplink import HEADERS_V4
from meshproto.errors import LimitError, StateError
from meshproto.forwarding.outputs import Burst, Repeat, Resend
from meshproto.forwarding.table import TransportKind
from meshproto.ids import TransportId


class Outgoing:
    """Sends for all transports.  `packets` and `octets` count RTP given to sockets,
    `relayed_*` the part of it that went to other nodes, there with IP headers: it is
    held against the uplink's meter.
    """

    def __init__(self, sessions: dict[TransportId, Session]) -> None:
        self.drops: Counter[str] = Counter()
        self.packets = 0
        self.octets = 0
        self.relayed_packets = 0
        self.relayed_octets = 0
        self._sessions = sessions

    def burst(self, burst: Burst) -> None:
        """Protect and send the packets of one consumer."""
        session = self._sessions.get(burst.transport)
        if session is None:
            return
        if session.outbound is None:
            self._hand_over(session, burst)
            return
        try:
            pieces = session.outbound.protect_burst(burst.packets)
        except LimitError:
            self.drops["send-ssrcs"] += len(burst.packets)
            return
        if burst.keep:
            if session.ring is None:
                session.ring = RepeatRing()
            session.ring.keep(burst.packets)
        self._send(session, pieces)

    def resend(self, order: Resend | Repeat) -> None:
        """Send a packet again: the very same bytes."""
        if isinstance(order, Repeat):
            self._repeat(order)
            return
        transport, ssrc, index = order
        session = self._sessions.get(transport)
        if session is None or session.ring is None or session.outbound is None:
            return
        packet = session.ring.find(ssrc, index)
        if packet is None:
            self.drops["resend-gone"] += 1
            return
        self._send(session, session.outbound.repeat(packet))

    def _repeat(self, order: Repeat) -> None:
        """A packet of a leg needs no memory here: it is always the same bytes."""
        session = self._sessions.get(order.transport)
        if session is not None and session.outbound is not None:
            self._send(session, session.outbound.repeat(order.packet))

    def rtcp(self, transport: TransportId, packet: bytes) -> None:
        """Protect and send a compound RTCP packet."""
        session = self._sessions.get(transport)
        if session is None or session.outbound is None:
            self.drops["rtcp-before-keys"] += 1
            return
        try:
            protected = session.outbound.protect_rtcp(packet)
        except (LimitError, StateError):
            self.drops["send-ssrcs"] += 1
            return
        self._datagram(session, protected)

    def dtls(self, transport: TransportId, datagrams: Iterable[bytes]) -> None:
        """Send DTLS datagrams, counted where there is no address to send to."""
        session = self._sessions.get(transport)
        for datagram in datagrams:
            if session is None:
                self.drops["no-address"] += 1
            else:
                self._datagram(session, datagram)

    def _send(self, session: Session, pieces: list[bytes]) -> None:
        path, ice = session.path, session.ice
        if path is None or ice is None:
            self.drops["no-address"] += len(pieces) // 2
            return
        # header and ciphertext of each packet together
        sizes = list(map(add, map(len, pieces[::2]), map(len, pieces[1::2])))
        octets = sum(sizes)
        if ice.proving and not ice.may_send(octets):
            self.drops["unproven-address"] += len(sizes)
            return
        self.packets += len(sizes)
        self.octets += octets
        if session.spec.kind is TransportKind.RELAY:
            self.relayed_packets += len(sizes)
            self.relayed_octets += octets + HEADERS_V4 * len(sizes)
        path.send_burst(pieces, sizes)

    def _datagram(self, session: Session, datagram: bytes) -> None:
        path, ice = session.path, session.ice
        if path is None or ice is None:
            self.drops["no-address"] += 1
        elif ice.proving and not ice.may_send(len(datagram)):
            self.drops["unproven-address"] += 1
        else:
            path.send(datagram)

    def _hand_over(self, session: Session, burst: Burst) -> None:
        """A LOCAL consumer gets whole plain packets; one without a sink, nothing."""
        if session.spec.kind is not TransportKind.LOCAL:
            self.drops["rtp-before-keys"] += len(burst.packets)
        elif session.sink is not None:
            for header, payload, _, _ in burst.packets:
                session.sink(burst.consumer, header + payload)
