"""The agent of links on the plane's sockets (RFC 0002 section 3.1).

The agent is pure: it knows a socket by its place in a row and an address of ours as
octets it never reads.  Here it gets a clock and chance, what it tells becomes events of
the plane, and its datagrams leave by the `Ways` of the plane.  Answers to checks leave
at once, not at the end of the batch they came in: the neighbour measures the round trip
by them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol

from meshnode.media.plane import (
    Address,
    PlaneEvent,
    TransportSilent,
    TransportSpec,
    TransportValidated,
)
from meshnode.media.session import Session
from meshnode.media.udp import UdpSocket
from meshproto.config.ice import AgentConfig
from meshproto.ice.agent import IceAgent
from meshproto.ice.answering import RemoteMaker
from meshproto.ice.events import AgentEvent, Local, PathProven
from meshproto.ice.link_path import Association, LinkPath
from meshproto.ice.path import PathSilent, Remote
from meshproto.ids import TransportId
from meshproto.wire import stun


class Ways(Protocol):
    """How what the agent says reaches the network."""

    def send(self, local: Local, address: Address, datagram: bytes) -> None:
        """Send one datagram from there to there."""

    def use(self, transport: TransportId, local: Local, address: Address) -> bool:
        """Send to the neighbour that way from now on.  False: it is gone."""


class SocketWays:
    """The ways of a plane in Python: its sockets and sessions."""

    def __init__(self, sessions: dict[TransportId, Session]) -> None:
        self.sockets: Sequence[UdpSocket] = ()
        self._sessions = sessions

    def send(self, local: Local, address: Address, datagram: bytes) -> None:
        """See `Ways.send`; without a socket nothing leaves."""
        if self.sockets:
            sock = self.sockets[local.socket]
            sock.path_from(local.address, address).send(datagram)

    def use(self, transport: TransportId, local: Local, address: Address) -> bool:
        """See `Ways.use`."""
        session = self._sessions.get(transport)
        if session is None or not self.sockets:
            return False
        session.path = self.sockets[local.socket].path_from(local.address, address)
        return True


class LinkIce:
    """`IceAgent` with a clock.  `events` takes what the plane is to tell, `wake` asks
    for a turn of it; `make_remote` is for a table of addresses of the plane's own.
    """

    def __init__(
        self,
        config: AgentConfig,
        by_address: dict[Address, Remote],
        ways: Ways,
        events: list[PlaneEvent],
        wake: Callable[[], None],
        make_remote: RemoteMaker = Remote,
    ) -> None:
        self._agent = IceAgent(config, secrets.SystemRandom(), by_address, make_remote)
        self.refused = self._agent.refused
        self.next_timeout = self._agent.next_timeout
        self._ways = ways
        self._events = events
        self._wake = wake

    def open(self, hosts: Sequence[str]) -> None:
        """Links run over sockets bound to these from now on; none: the plane closed."""
        self._agent.open(hosts)

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
        self, message: stun.Message, address: Address, local: Local, now: float
    ) -> bool:
        """Handle what concerns a link or a probe; False for anything else."""
        if not self._agent.receive(message, address, local, now):
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
            self._ways.send(local, address, datagram)
        for event in self._agent.take_events():
            self._tell(event)

    def _tell(self, event: AgentEvent) -> None:
        if isinstance(event, PathProven):
            if self._ways.use(event.transport, event.local, event.address):
                told = TransportValidated(event.transport, event.address)
                self._events.append(told)
        elif isinstance(event, PathSilent):
            self._events.append(
                TransportSilent(event.transport, event.silence_s, event.expired)
            )
        else:
            self._events.append(event)
