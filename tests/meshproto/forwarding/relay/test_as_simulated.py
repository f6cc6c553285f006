"""The same script for the simulated plane and for a forwarder: the same notices.

The brain is tuned in the simulator, whose plane knows numbers only; it is right on real
legs as far as these report what the simulated ones do (RFC 0011 section 8.1).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.relay import wire
from meshproto.forwarding.table import TransportKind
from meshproto.ids import NodeId, TransportId
from meshproto.wire import rtp
from meshsim.plane import HOPS_MAX, MediaPacket, SimPlane
from support.forwarding import OPUS
from support.legs import MESH, SOUND, STREAM, node, producer

P, Q, CHILD = node("p"), node("q"), node("child")
ALIAS = {P: 0x1000, Q: 0x2000}
RTT_S = 0.04
GAP_S = 0.02


class Both:
    """A node with parents P and Q and a child, in both planes, and one clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard: dict[NodeId, float] = {}
        self.newest: dict[NodeId, int] = {}
        self.wakes: list[float] = []
        self.simulated: list[t.PlaneNotice] = []
        self.real: list[t.PlaneNotice] = []
        self.sim = SimPlane(self, lambda *_: None)
        self.forwarder = Forwarder(ForwardingConfig(), random.Random(1))
        self.forwarder.add_transport(MESH, TransportKind.MESH)
        self.ways: dict[NodeId, TransportId] = {}
        for number, neighbour in enumerate((P, Q, CHILD)):
            way = self.ways[neighbour] = TransportId(10 + number)
            self.forwarder.add_transport(way, TransportKind.RELAY, node=neighbour)
            self.forwarder.set_sending(way, True, 0.0)
            self.forwarder.measured(way, RTT_S)
        self.forwarder.program(producer(SOUND, MESH, OPUS, mesh=True), 0.0)
        self.do(t.OpenStream(STREAM))
        self.forwarder.program(t.BindStream(STREAM, (t.Slot(SOUND),)), 0.0)

    # what the simulated plane asks for

    def interval_s(self, stream: object) -> float:
        return GAP_S

    def alert(self) -> bool:
        return True

    def send(self, child: NodeId, alias: int, packet: MediaPacket) -> None:
        pass

    def activate(self, parent: NodeId, stream: object, sequence: int) -> None:
        pass

    def heard_s(self, peer: NodeId) -> float | None:
        return self.now - self.heard[peer] if peer in self.heard else None

    def newest_at(self, peer: NodeId, stream: object) -> int | None:
        return self.newest.get(peer)

    def rtt_s(self, peer: NodeId) -> float:
        return RTT_S

    def wake(self, stream: object, at: float) -> None:
        self.wakes = [at]

    def notice(self, notice: t.PlaneNotice) -> None:
        self.simulated.append(notice)

    def circulated(self, stream: object, sequence: int) -> None:
        pass

    # the script's words

    def do(self, *deltas: t.RelayDelta) -> None:
        for delta in deltas:
            self.sim.apply(delta, self.now)
            self.forwarder.program(delta, self.now)
        self._drain()

    def packet(self, source: NodeId, order: int, hops: int = HOPS_MAX) -> None:
        """Packet `order` comes from a parent."""
        self.heard[source] = self.now
        told = MediaPacket(STREAM, order, hops, self.now)
        self.sim.receive(source, ALIAS[source], told, self.now)
        number = 70_000 + order
        mesh = wire.encode_mesh(hops, 0, 0, number, order)
        data = rtp.build(
            96,
            number,
            order * 960,
            ALIAS[source],
            b"sound",
            extensions=[(wire.MESH_ID, mesh)],
        )
        self.forwarder.receive_rtp(self.ways[source], data, self.now)
        self._drain()

    def alive(self, source: NodeId) -> None:
        """A keep-alive of a parent."""
        self.heard[source] = self.now
        self._say(source, wire.KeepAlive())

    def beat(self, source: NodeId, newest: int) -> None:
        """A heartbeat of a standby parent."""
        self.heard[source] = self.now
        self.newest[source] = newest
        self._say(source, wire.Heartbeat(((ALIAS[source], newest),)))

    def activation(self, alias: int, order: int) -> None:
        """The child activates its standby leg here."""
        self.sim.activated(STREAM, CHILD, order)
        self._say(CHILD, wire.Activate(((alias, order),)))

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            due = self.forwarder.next_timeout()
            waits = [x for x in (due, *self.wakes) if x is not None and x <= end]
            if not waits:
                break
            self.now = max(self.now, min(waits))
            if self.wakes and self.wakes[0] <= self.now:
                self.wakes = []
                self.sim.judge(STREAM, self.now)
            self.forwarder.handle_timeout(self.now)
            self._drain()
        self.now = end

    def stream(self, source: NodeId, first: int, count: int, lag: int = 0) -> int:
        """`count` packets of a parent at the usual gap, the standby's beats between."""
        for order in range(first, first + count):
            self.packet(source, order)
            if source is P:
                self.beat(Q, max(order - lag, 0))
            self.pass_time(GAP_S)
        return first + count

    def _say(self, source: NodeId, message: wire.Message) -> None:
        data = wire.encode(message, 1)
        self.forwarder.receive_rtcp(self.ways[source], data, self.now)
        self._drain()

    def _drain(self) -> None:
        self.forwarder.flush(self.now)
        while self.forwarder.poll_rtcp() is not None:
            pass
        while (event := self.forwarder.poll_event()) is not None:
            if isinstance(event, t.PlaneNotice):
                self.real.append(event)


Script = Callable[[Both], None]


def active(both: Both) -> int:
    both.do(t.SetActive(STREAM, P, ALIAS[P], 0))
    return both.stream(P, 0, 10)


def standby(both: Both) -> int:
    both.do(t.SetSecond(STREAM, Q, t.Second.STANDBY, ALIAS[Q], 0))
    return active(both)


def dead_parent(both: Both) -> None:
    """P falls silent, Q is ahead, takes over and flows."""
    newest = standby(both)
    for order in range(newest, newest + 5):
        both.beat(Q, order)
        both.pass_time(GAP_S)
    both.pass_time(RTT_S)
    both.stream(Q, newest, 10)


def stalled_parent(both: Both) -> None:
    """P lives without packets, then dies, too."""
    active(both)
    for _ in range(10):
        both.alive(P)
        both.pass_time(0.025)
    both.pass_time(0.5)


def stalled_and_back(both: Both) -> None:
    """P lives without packets for a while."""
    newest = active(both)
    for _ in range(10):
        both.alive(P)
        both.pass_time(0.025)
    both.stream(P, newest, 5)


def both_silent(both: Both) -> None:
    """The standby is not ahead: nobody has anything."""
    newest = standby(both)
    for _ in range(10):
        both.beat(Q, newest - 1)
        both.pass_time(GAP_S)


def alive_with_standby_ahead(both: Both) -> None:
    """A parent that lives is not left, whatever the standby has."""
    newest = standby(both)
    for order in range(newest, newest + 10):
        both.alive(P)
        both.beat(Q, order)
        both.pass_time(GAP_S)


def duplicates(both: Both) -> None:
    """The same packets again say nothing."""
    active(both)
    for order in range(10):
        both.packet(P, order)


def joining_ahead(both: Both) -> None:
    """The new leg is faster."""
    newest = active(both)
    both.do(t.SetSecond(STREAM, Q, t.Second.JOINING, ALIAS[Q], newest))
    for order in range(newest, newest + 5):
        both.packet(Q, order)
        both.pass_time(GAP_S / 2)
        both.packet(P, order)
        both.pass_time(GAP_S / 2)
    both.do(t.SetActive(STREAM, Q, ALIAS[Q], newest))
    both.stream(Q, newest + 5, 5)


def joining_behind(both: Both) -> None:
    """The new leg only echoes; then the old one pauses."""
    newest = active(both)
    both.do(t.SetSecond(STREAM, Q, t.Second.JOINING, ALIAS[Q], newest))
    for order in range(newest, newest + 10):
        both.packet(P, order)
        both.packet(Q, order - 2)
        both.pass_time(GAP_S)
    for order in range(newest + 9, newest + 14):
        both.packet(Q, order)
        both.pass_time(GAP_S)


def set_active_to_standby(both: Both) -> None:
    """The link to P fell: the brain names the standby."""
    newest = standby(both)
    both.do(t.SetActive(STREAM, Q, ALIAS[Q], 0))
    both.pass_time(RTT_S)
    both.stream(Q, newest, 10)


def empty_leg(both: Both) -> None:
    """A new parent that sends nothing."""
    active(both)
    both.do(t.SetActive(STREAM, Q, ALIAS[Q], 10))
    for _ in range(8):
        both.alive(Q)
        both.pass_time(0.025)


def nobody(both: Both) -> None:
    """No parent any more: nothing to be silent."""
    active(both)
    both.do(t.SetActive(STREAM, None))
    both.pass_time(1.0)


def out_of_hops(both: Both) -> None:
    """What went in a circle is not new."""
    newest = active(both)
    both.packet(P, newest, hops=0)
    both.stream(P, newest, 3)


def child_activates(both: Both) -> None:
    """A standby child takes packets here, and says so twice."""
    active(both)
    both.do(t.OpenLeg(STREAM, CHILD, 0x7000, 1, standby=True))
    both.activation(0x7000, 8)
    both.activation(0x7000, 8)
    both.stream(P, 10, 3)


SCRIPTS = (
    dead_parent,
    stalled_parent,
    stalled_and_back,
    both_silent,
    alive_with_standby_ahead,
    duplicates,
    joining_ahead,
    joining_behind,
    set_active_to_standby,
    empty_leg,
    nobody,
    out_of_hops,
    child_activates,
)


def first_only(notices: list[t.PlaneNotice]) -> list[t.PlaneNotice]:
    """The simulated plane tells every new packet of a joining leg, a forwarder the
    first: the brain acts on the first only.
    """
    kept: list[t.PlaneNotice] = []
    for notice in notices:
        if isinstance(notice, t.FirstNew) and any(
            isinstance(old, t.FirstNew) for old in kept
        ):
            continue
        kept.append(notice)
    return kept


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_a_forwarder_tells_what_the_simulated_plane_tells(script: Script) -> None:
    both = Both()
    script(both)
    assert both.real == first_only(both.simulated)


def test_the_scripts_bring_every_notice() -> None:
    seen = set()
    for script in SCRIPTS:
        both = Both()
        script(both)
        seen |= {type(notice) for notice in both.real}
    assert seen == set(t.PlaneNotice.__args__)
