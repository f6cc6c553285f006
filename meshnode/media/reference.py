"""The packet path in Python: the plane that is always there (RFC 0002 section 6).

Strategy.  One loop, no locks, nothing per packet but what has to be done.  A readable
socket is drained; every datagram goes through `Ingress` into the ICE-lite agent or the
forwarder; when the batch is over the forwarder is flushed once and `Outgoing` sends
what it made, in bursts.  Then feedback and events are polled, and one timer is armed
at the earliest deadline of both machines.

Events reach their handler at the end of a turn, one after another, from the loop.  A
handler may call any method; what that causes comes out in the same turn or the next.

A process that does little else may call `gc.freeze()` once its tables are built: a full
collection with 300 viewers stalls the packet path for 5 ms otherwise.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from meshnode.media.alarm import Alarm
from meshnode.media.ingress import Ingress
from meshnode.media.link_ice import LinkIce, SocketWays
from meshnode.media.ntp import ntp_offset_s
from meshnode.media.outgoing import Outgoing
from meshnode.media.plane import (
    Address,
    LocalFeedback,
    LocalSink,
    PlaneEvent,
    PlaneFault,
    SrtpKeys,
    TransportSpec,
)
from meshnode.media.sender import Control
from meshnode.media.session import Session
from meshnode.media.srtp import make_inbound, make_legs, make_outbound
from meshnode.media.udp import BUFFER_MIN_BYTES, UdpSocket, bind_all
from meshnode.media.uplink import Uplink
from meshproto.config.ice import AgentConfig
from meshproto.errors import StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.levels import Levels
from meshproto.forwarding.relay_table import PlaneDelta
from meshproto.forwarding.table import AddProducer, RemoveProducer, TransportKind
from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.events import Checked
from meshproto.ice.lite import IceLite
from meshproto.ice.path import IceConfig, PacketPath
from meshproto.ice.server import StunServer
from meshproto.ids import ProducerId, StreamId, TransportId
from meshproto.wire.demux import DatagramKind, classify

TURNS_MAX = 64
"""Rounds of events answered by calls that cause events, in one turn of the loop."""

REST_S = 0.05
COMPLAIN_EVERY_S = 10.0
"""The log hears of internal faults this often, whatever a remote can provoke."""

SSRCS_EVER = 16
"""How many times more SSRCs a client may use in its life than at one time: tracks come
and go, but what was received under an SSRC must not be taken again.
"""


class ReferencePlane:
    """`MediaPlane` on asyncio.  Belongs to the loop that calls `open`."""

    def __init__(
        self,
        forwarding: ForwardingConfig | None = None,
        ice: IceConfig | None = None,
        *,
        links: AgentConfig | None = None,
        stun_rate_per_s: float = 32.0,
        stun_burst: int = 64,
        uplink: Uplink | None = None,
        delays_s: Mapping[str, float] | None = None,
    ) -> None:
        bucket = PrefixBucket(
            secrets.token_bytes(16), rate_per_s=stun_rate_per_s, burst=stun_burst
        )
        self._config = replace(
            forwarding or ForwardingConfig(),
            ntp_offset_s=ntp_offset_s(),
        )
        self._lite = IceLite(
            StunServer(bucket), ice or IceConfig(transports=self._config.transports)
        )
        self._forwarder = Forwarder(self._config, secrets.SystemRandom())
        self._sessions: dict[TransportId, Session] = {}
        self._local_producers: dict[ProducerId, TransportId] = {}
        self._events: list[PlaneEvent] = []
        self._ways = SocketWays(self._sessions)
        self._links = LinkIce(
            links or AgentConfig(),
            self._lite.by_address,
            self._ways,
            self._events,
            self._want_turn,
        )
        self._ingress = Ingress(
            self._sessions,
            self._lite,
            self._links,
            self._ways,
            self._forwarder,
            self._events,
        )
        self._outgoing = Outgoing(self._sessions)
        self._uplink = uplink or Uplink()
        self._delays_s = delays_s or {}
        self._handler: Callable[[PlaneEvent], None] | None = None
        self._sockets: list[UdpSocket] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm = Alarm(self._timeout)
        self._turning = False
        self._turn_wanted = False
        self._counted: Counter[str] = Counter()
        self._complain_at = 0.0

    # -- port ----------------------------------------------------------------------

    async def open(self, hosts: Sequence[str], port: int) -> tuple[Address, ...]:
        """See `MediaPlane.open`."""
        if self._sockets:
            raise StateError("the plane is open already")
        self._sockets = bind_all(hosts, port, self._receive, self._turn)
        self._loop = asyncio.get_running_loop()
        self._alarm.start(self._loop)
        self._ways.sockets = self._sockets
        self._links.open([sock.address[0] for sock in self._sockets])
        for sock in self._sockets:
            sock.start(self._loop)
            sock.sender.fault = self._fault
            sock.sender.uplink, sock.sender.delays_s = self._uplink, self._delays_s
            if sock.receive_buffer_bytes < BUFFER_MIN_BYTES:
                self._fault("small receive buffer, raise net.core.rmem_max")
        if len(self._sockets) < len(hosts):
            self._fault("an address family is missing")
        return tuple(sock.address for sock in self._sockets)

    async def close(self) -> None:
        """See `MediaPlane.close`."""
        for transport in tuple(self._sessions):
            self.close_transport(transport)
        for sock in self._sockets:
            self._counted.update(sock.counters + sock.sender.counters)
            sock.close()
        self._sockets = []
        self._ways.sockets = ()
        self._links.open(())
        self._alarm.stop()
        self._loop = None
        self._events.clear()

    def on_event(self, handler: Callable[[PlaneEvent], None]) -> None:
        """See `MediaPlane.on_event`."""
        self._handler = handler

    # -- transports ----------------------------------------------------------------

    def add_transport(self, spec: TransportSpec) -> None:
        """See `MediaPlane.add_transport`."""
        if spec.transport in self._sessions:
            raise StateError(f"transport {spec.transport} is there already")
        self._forwarder.add_transport(
            spec.transport,
            spec.kind,
            start_bitrate_bps=spec.start_bitrate_bps,
            node=spec.node,
        )
        try:
            ice = self._add_ice(spec)
        except Exception:
            self._forwarder.remove_transport(spec.transport)
            raise
        self._sessions[spec.transport] = Session(spec, ice)

    def _add_ice(self, spec: TransportSpec) -> PacketPath | None:
        match spec.kind:
            case TransportKind.CLIENT:
                return self._lite.add(
                    spec.transport, spec.local_ufrag, spec.local_pwd, spec.remote_ufrag
                )
            case TransportKind.RELAY:
                return self._links.add(spec)
            case _:
                return None

    def add_candidates(
        self, transport: TransportId, addresses: Iterable[Address]
    ) -> None:
        """See `MediaPlane.add_candidates`."""
        self._links.add_candidates(transport, tuple(addresses))

    def pace(self, transport: TransportId, interval_s: float) -> None:
        """See `MediaPlane.pace`."""
        self._links.pace(transport, interval_s)

    def check(self, transport: TransportId) -> None:
        """See `MediaPlane.check`."""
        self._links.check(transport)

    def probe(self, address: Address, token: int) -> None:
        """See `MediaPlane.probe`."""
        self._links.probe(address, token)

    def restart_transport(self, spec: TransportSpec) -> None:
        """See `MediaPlane.restart_transport`."""
        session = self._session(spec.transport)
        self._lite.restart(
            spec.transport, spec.local_ufrag, spec.local_pwd, spec.remote_ufrag
        )
        session.spec = spec

    def set_keys(self, transport: TransportId, keys: SrtpKeys) -> None:
        """See `MediaPlane.set_keys`."""
        session = self._session(transport)
        if session.spec.kind is TransportKind.RELAY:
            session.inbound, session.outbound = make_legs(keys)
        else:
            limit = self._config.ssrcs_per_transport
            session.inbound = make_inbound(keys, limit * SSRCS_EVER)
            # Each consumer has one SSRC, with RTX two, and none is ever given again.
            session.outbound = make_outbound(keys, self._config.consumers * 2)
        self.dtls_authentic(transport)
        self._forwarder.set_sending(transport, True, time.monotonic())
        self._want_turn()

    def dtls_authentic(self, transport: TransportId) -> None:
        """See `MediaPlane.dtls_authentic`."""
        session = self._sessions.get(transport)
        if session is not None and session.ice is not None:
            session.ice.handshake_done()
            self._links.dtls_authentic(transport)

    def send_dtls(self, transport: TransportId, datagrams: Iterable[bytes]) -> None:
        """See `MediaPlane.send_dtls`."""
        self._outgoing.dtls(transport, datagrams)

    def close_transport(self, transport: TransportId) -> None:
        """See `MediaPlane.close_transport`."""
        session = self._sessions.pop(transport, None)
        if session is None:
            return
        if session.outbound is not None:
            self._counted["nonce-refused"] += session.outbound.refused
        self._lite.remove(transport)
        self._links.remove(transport)
        self._forwarder.remove_transport(transport)
        for producer, owner in tuple(self._local_producers.items()):
            if owner == transport:
                del self._local_producers[producer]
        self._want_turn()

    # -- forwarding ----------------------------------------------------------------

    def program(self, deltas: Iterable[PlaneDelta]) -> None:
        """See `MediaPlane.program`."""
        now = time.monotonic()
        try:
            for delta in deltas:
                self._forwarder.program(delta, now)
                self._note_local(delta)
        finally:
            self._want_turn()

    def inject(self, producer: ProducerId, packets: Sequence[bytes]) -> None:
        """See `MediaPlane.inject`."""
        transport = self._local_producers.get(producer)
        if transport is None:
            raise StateError(f"producer {producer} is not on a local transport")
        now = time.monotonic()
        for packet in packets:
            if classify(packet) is DatagramKind.RTCP:
                self._forwarder.receive_rtcp(transport, packet, now)
            else:
                self._forwarder.receive_rtp(transport, packet, now)
        self._turn()

    def on_local(self, transport: TransportId, sink: LocalSink) -> None:
        """See `MediaPlane.on_local`."""
        self._session(transport).sink = sink

    def _note_local(self, delta: PlaneDelta) -> None:
        if isinstance(delta, AddProducer):
            session = self._sessions.get(delta.transport)
            if session is not None and session.spec.kind is TransportKind.LOCAL:
                self._local_producers[delta.producer] = delta.transport
        elif isinstance(delta, RemoveProducer):
            self._local_producers.pop(delta.producer, None)

    def _session(self, transport: TransportId) -> Session:
        try:
            return self._sessions[transport]
        except KeyError:
            raise StateError(f"no transport {transport}") from None

    # -- the turn ------------------------------------------------------------------

    def _receive(
        self, datagram: bytes, address: Address, sock: UdpSocket, control: Control
    ) -> None:
        try:
            self._ingress.receive(datagram, address, sock, control)
        except Exception as error:  # no datagram may stop the ones behind it
            self._failed("a datagram", error)

    def _want_turn(self) -> None:
        """Have a turn soon, once, however many calls ask for it."""
        if self._loop is not None and not self._turn_wanted and not self._turning:
            self._turn_wanted = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Send and report everything that is due, then arm the timer."""
        self._turn_wanted = False
        if self._turning or self._loop is None:
            return
        self._turning = True
        try:
            for _ in range(TURNS_MAX):
                self._drain(time.monotonic())
                if not self._events:
                    break
                self._report()
        except Exception as error:
            self._failed("a turn", error)
        finally:
            self._turning = False
            self._alarm.at(
                self._forwarder.next_timeout(),
                self._lite.next_timeout(),
                self._links.next_timeout(),
            )

    def _drain(self, now: float) -> None:
        forwarder, outgoing = self._forwarder, self._outgoing
        self._links.flush()
        for burst in forwarder.flush(now):
            outgoing.burst(burst)
        while (order := forwarder.poll_resend()) is not None:
            outgoing.resend(order)
        while (feedback := forwarder.poll_rtcp()) is not None:
            self._feedback(*feedback)
        while (event := forwarder.poll_event()) is not None:
            self._events.append(event)

    def _feedback(self, transport: TransportId, packet: bytes) -> None:
        session = self._sessions.get(transport)
        if session is None:
            return
        match session.spec.kind:
            case TransportKind.CLIENT | TransportKind.RELAY:
                self._outgoing.rtcp(transport, packet)
            case TransportKind.LOCAL:
                self._events.append(LocalFeedback(transport, packet))
            case TransportKind.MESH:
                pass  # nobody: what its producers are asked for goes to a leg
            case _:
                assert_never(session.spec.kind)

    def _report(self) -> None:
        taken = self._events[:]
        self._events.clear()
        for event in taken:
            if isinstance(event, Checked):
                self._forwarder.measured(event.transport, event.rtt_s)
            if self._handler is None or self._loop is None:
                return
            try:
                self._handler(event)
            except Exception as error:  # a faulty handler must not stop media
                self._failed(f"the handler of {type(event).__name__}", error)

    def _timeout(self) -> None:
        # why first: whoever is late must not take that for the silence of others
        for sock in self._sockets:
            sock.take()
        now = time.monotonic()
        try:
            for event in self._lite.handle_timeout(now):
                self._ingress.noticed(event)
            self._links.handle_timeout(now)
            self._forwarder.handle_timeout(now)
        except Exception as error:
            self._failed("a timeout", error)
            self._alarm.rest(now + REST_S)
        self._turn()

    def _fault(self, reason: str) -> None:
        """Something does not work here: control hears of it."""
        self._events.append(PlaneFault(reason))
        self._want_turn()

    def _failed(self, what: str, error: Exception) -> None:
        """A fault of ours: media goes on, and the log hears of it now and then."""
        self._counted["internal-error"] += 1
        now = time.monotonic()
        if self._loop is not None and now >= self._complain_at:
            self._complain_at = now + COMPLAIN_EVERY_S
            self._loop.call_exception_handler(
                {"message": f"{what} raised in the media plane", "exception": error}
            )

    # -- what is known -------------------------------------------------------------

    def stats(self) -> dict[str, object]:
        """See `MediaPlane.stats`."""
        sockets: Counter[str] = Counter()
        for sock in self._sockets:
            sockets.update(sock.counters)
            sockets.update(sock.sender.counters)
        drops = self._ingress.drops + self._outgoing.drops + self._counted + sockets
        drops += self._lite.refused + self._lite.server.refused + self._links.refused
        return {
            "kind": "reference",
            "transports": len(self._sessions),
            "received": {
                "packets": self._ingress.packets,
                "bytes": self._ingress.octets,
            },
            "sent": {"packets": self._outgoing.packets, "bytes": self._outgoing.octets},
            "relayed": {
                "packets": self._outgoing.relayed_packets,
                "bytes": self._outgoing.relayed_octets,
            },
            "uplink": {
                "packets": self._uplink.packets,
                "bytes": self._uplink.octets,
                "held": self._uplink.held,
            },
            "stun_answered": self._lite.server.answered,
            "drops": dict(drops),
            "forwarder": self._forwarder.stats(time.monotonic()),
        }

    def stream_history(self, stream: StreamId) -> tuple[int, int] | None:
        """See `MediaPlane.stream_history`."""
        return self._forwarder.stream_history(stream)

    def sent(self) -> tuple[int, int]:
        """See `MediaPlane.sent`."""
        return self._uplink.octets, self._outgoing.relayed_octets

    def audio_levels(self, since: Mapping[ProducerId, int]) -> Levels:
        """See `MediaPlane.audio_levels`."""
        return self._forwarder.audio_levels(since)

    def producer_stats(self) -> dict[ProducerId, dict[str, object]]:
        """See `MediaPlane.producer_stats`."""
        return self._forwarder.producer_stats(time.monotonic())
