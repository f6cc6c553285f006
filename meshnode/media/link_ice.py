"""The agent of links on the plane's sockets (RFC 0002 section 3.1).

The agent is pure: it knows a socket by its place in a row and an address of ours as
octets it never reads.  Here both become a `Path`, its datagrams leave, and what it
tells becomes events of the plane.  Answers to checks leave at once, not at the end of
the batch they came in: the neighbour measures the round trip by them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from time import monotonic

from meshnode.media.plane import (
    Address,
    PlaneEvent,
    TransportSilent,
    TransportSpec,
    TransportValidated,
)
from meshnode.media.sender import Path
from meshnode.media.session import Session
from meshnode.media.udp import UdpSocket, local_end
from meshproto.config.ice import AgentConfig
from meshproto.ice.agent import IceAgent
from meshproto.ice.events import AgentEvent, Local, PathProven
from meshproto.ice.link_path import Association, LinkPath
from meshproto.ice.path import PathSilent, Remote
from meshproto.ids import TransportId
from meshproto.wire import stun


class LinkIce:
    """`IceAgent` with sockets.  `wake` asks for a turn of the plane."""

    def __init__(
        self,
        config: AgentConfig,
        by_address: dict[Address, Remote],
        sessions: dict[TransportId, Session],
        events: list[PlaneEvent],
        wake: Callable[[], None],
    ) -> None:
        self._agent = IceAgent(config, secrets.SystemRandom(), by_address)
        self.refused = self._agent.refused
        self.next_timeout = self._agent.next_timeout
        self._sessions = sessions
        self._events = events
        self._wake = wake
        self._sockets: Sequence[UdpSocket] = ()

    def open(self, sockets: Sequence[UdpSocket]) -> None:
        """Links run over these sockets from now on; none: the plane closed."""
        self._sockets = sockets
        self._agent.open([sock.address[0] for sock in sockets])

    def add(self, spec: TransportSpec) -> LinkPath:
        """See `MediaPlane.add_transport`."""
        association = Association(
            spec.transport,
            spec.local_ufrag,
            spec.local_pwd,
            spec.remote_ufrag,
            spec.remote_pwd,
            spec.controlling,
        )
        path = self._agent.add(association, spec.candidates, monotonic())
        self._wake()
        return path

    def remove(self, transport: TransportId) -> None:
        """Forget a link; unknown ids are fine."""
        self._agent.remove(transport)

    def add_candidates(
        self, transport: TransportId, addresses: Sequence[Address]
    ) -> None:
        """See `MediaPlane.add_candidates`."""
        self._agent.add_candidates(transport, addresses, monotonic())
        self._wake()

    def pace(self, transport: TransportId, interval_s: float) -> None:
        """See `MediaPlane.pace`."""
        self._agent.pace(transport, interval_s, monotonic())
        self._wake()

    def check(self, transport: TransportId) -> None:
        """See `MediaPlane.check`."""
        self._agent.check(transport, monotonic())
        self.flush()
        self._wake()

    def probe(self, address: Address, token: int) -> None:
        """See `MediaPlane.probe`."""
        self._agent.probe(address, token, monotonic())
        self.flush()
        self._wake()

    def dtls_authentic(self, transport: TransportId) -> None:
        """See `MediaPlane.dtls_authentic`."""
        self._agent.heard(transport, monotonic())

    def receive(
        self, message: stun.Message, sock: UdpSocket, way_back: Path, now: float
    ) -> bool:
        """Handle what concerns a link or a probe; False for anything else."""
        local = Local(self._sockets.index(sock), local_end(way_back))
        if not self._agent.receive(message, way_back.address, local, now):
            return False
        self.flush()
        return True

    def handle_timeout(self, now: float) -> None:
        """Check and judge what is due."""
        self._agent.handle_timeout(now)
        self.flush()

    def flush(self) -> None:
        """Send what is waiting and pass on what happened."""
        for local, address, datagram in self._agent.take_out():
            if self._sockets:
                self._path(local, address).send(datagram)
        for event in self._agent.take_events():
            self._tell(event)

    def _tell(self, event: AgentEvent) -> None:
        if isinstance(event, PathProven):
            session = self._sessions.get(event.transport)
            if session is None or not self._sockets:
                return
            session.path = self._path(event.local, event.address)
            self._events.append(TransportValidated(event.transport, event.address))
        elif isinstance(event, PathSilent):
            self._events.append(
                TransportSilent(event.transport, event.silence_s, event.expired)
            )
        else:
            self._events.append(event)

    def _path(self, local: Local, address: Address) -> Path:
        return self._sockets[local.socket].path_from(local.address, address)
