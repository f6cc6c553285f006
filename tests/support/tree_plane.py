"""The plane of the tiny network: RFC 0011 section 8 in a few hundred lines.

Heartbeats and keep-alives are not sent: who hears whom is looked up when silence is
judged, which gives the same outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshproto.forwarding.relay_table import (
    Activated,
    CloseLeg,
    CloseStream,
    FirstNew,
    Flowing,
    LegActivated,
    NothingNew,
    OpenLeg,
    OpenStream,
    PlaneNotice,
    Second,
    SetActive,
    SetLeg,
    SetSecond,
    Silent,
)
from meshproto.ids import NodeId, StreamId

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from support.tree_net import Host

STREAM = StreamId(b"stream-number-01")
PACKET_S = 0.05
SILENCE_S = 0.16
HISTORY = 400


class Leg:
    def __init__(self, layers: int, standby: bool) -> None:
        self.layers = layers
        self.standby = standby
        self.pause_after: int | None = None
        self.held: list[int] = []


class Carried:
    """One stream in one plane."""

    def __init__(self, origin: bool) -> None:
        self.origin = origin
        self.active: NodeId | None = None
        self.second: tuple[NodeId, Second] | None = None
        self.legs: dict[NodeId, Leg] = {}
        self.history: list[int] = []
        self.seen: set[int] = set()
        self.newest = -1
        self.last_new_at = 0.0
        self.silent = False
        self.watching = False
        self.joining: tuple[float, int, bool] = (0.0, 0, False)
        self.got: list[tuple[float, int]] = []
        self.twice = 0


class PlaneModel:
    """The planes of all hosts; `Net` adds links and time."""

    now: float
    packets: int
    hosts: dict[NodeId, Host]
    drop: Callable[[NodeId, NodeId, int], bool] | None
    later: Callable[..., None]
    rtt: Callable[[NodeId, NodeId], float]
    cut: Callable[[NodeId, NodeId], bool]
    input: Callable[..., Any]

    # --- plane

    def _delta(self, host: Host, delta: object) -> None:
        match delta:
            case OpenStream():
                assert delta.stream not in host.streams
                host.streams[delta.stream] = Carried(delta.origin)
            case CloseStream():
                del host.streams[delta.stream]
            case SetActive():
                self._set_active(host, delta)
            case SetSecond():
                carried = host.streams[delta.stream]
                second = None if delta.parent is None else (delta.parent, delta.use)
                carried.second = second
                carried.joining = (self.now, 0, False)
            case OpenLeg():
                carried = host.streams[delta.stream]
                assert delta.child not in carried.legs
                carried.legs[delta.child] = Leg(delta.layers, delta.standby)
                if not delta.standby:
                    start = delta.start
                    start = max(0, carried.newest - 20) if start is None else start
                    self._replay(host, delta.stream, delta.child, start)
            case SetLeg():
                leg = host.streams[delta.stream].legs[delta.child]
                leg.layers, leg.pause_after = delta.layers, delta.pause_after
                if delta.pause_after is None:
                    held, leg.held = leg.held, []
                    for sequence in held:
                        self._forward(host, delta.stream, delta.child, sequence)
            case CloseLeg():
                del host.streams[delta.stream].legs[delta.child]
            case _:
                raise AssertionError(delta)

    def _set_active(self, host: Host, delta: SetActive) -> None:
        carried = host.streams[delta.stream]
        second = carried.second
        if second is not None and second[0] == delta.parent:
            carried.second = None
            if second[1] is not Second.JOINING:
                self._activate(host, delta.stream, second[0])
        carried.active = delta.parent
        carried.silent = False
        carried.last_new_at = self.now
        if delta.parent is not None:
            self._watch(host, delta.stream, carried)

    def _activate(self, host: Host, stream: StreamId, parent: NodeId) -> None:
        start = host.streams[stream].newest + 1
        delay_s = self.rtt(host.id, parent) / 2
        self.later(delay_s, self._leg_activated, parent, host.id, stream, start)

    def _leg_activated(
        self, parent: NodeId, child: NodeId, stream: StreamId, start: int
    ) -> None:
        host = self.hosts[parent]
        carried = host.streams.get(stream)
        if not host.alive or carried is None or self.cut(parent, child):
            return
        leg = carried.legs.get(child)
        if leg is None or not leg.standby:
            return
        leg.standby = False
        self._replay(host, stream, child, start)
        self.notice(host, LegActivated(stream, child, start))

    def _replay(self, host: Host, stream: StreamId, child: NodeId, start: int) -> None:
        for sequence in host.streams[stream].history:
            if sequence >= start:
                self._forward(host, stream, child, sequence)

    def _forward(
        self, host: Host, stream: StreamId, child: NodeId, sequence: int
    ) -> None:
        self.packets += 1
        if self.drop is not None and self.drop(host.id, child, sequence):
            return
        self.later(
            self.rtt(host.id, child) / 2, self._packet, host.id, child, stream, sequence
        )

    def publish_packets(self, host: Host, stream: StreamId = STREAM) -> None:
        """The publisher's clock: one packet each 50 ms."""
        carried = host.streams.get(stream)
        if carried is None or not host.alive or not carried.origin:
            return
        if not host.publisher_quiet:
            self._new(host, stream, carried, carried.newest + 1)
        self.later(PACKET_S, self.publish_packets, host, stream)

    def _packet(
        self, source: NodeId, target: NodeId, stream: StreamId, sequence: int
    ) -> None:
        host = self.hosts[target]
        carried = host.streams.get(stream)
        if carried is None or not host.alive or self.cut(source, target):
            return
        if not self.hosts[source].alive:
            return
        from_active = carried.active == source
        second = carried.second
        from_second = second is not None and second[0] == source
        if not from_active and not from_second:
            return
        new = sequence not in carried.seen
        if new:
            self._new(host, stream, carried, sequence)
        if from_second and second is not None and second[1] is Second.JOINING:
            self._joining(host, stream, carried, source, sequence, new)
        if new and carried.silent:
            carried.silent = False
            self.notice(host, Flowing(stream, source, sequence))

    def _joining(
        self,
        host: Host,
        stream: StreamId,
        carried: Carried,
        source: NodeId,
        sequence: int,
        new: bool,
    ) -> None:
        since, count, told = carried.joining
        if new and not self.blind:
            self.notice(host, FirstNew(stream, source, sequence))
            return
        if self.blind and count == 0:
            self.notice(host, FirstNew(stream, source, sequence))
        count += 1
        if count >= 3 and self.now - since >= 0.1 and not told:
            told = True
            lead = carried.newest - sequence
            self.notice(host, NothingNew(stream, source, carried.newest, lead))
        if carried.joining[0] == since:
            carried.joining = (since, count, told)

    blind = False
    """A mutation: the joining leg counts with any packet."""

    def _new(
        self, host: Host, stream: StreamId, carried: Carried, sequence: int
    ) -> None:
        if sequence in carried.seen:
            carried.twice += 1
        carried.seen.add(sequence)
        carried.newest = max(carried.newest, sequence)
        carried.last_new_at = self.now
        carried.history.append(sequence)
        del carried.history[:-HISTORY]
        carried.got.append((self.now, sequence))
        for child, leg in list(carried.legs.items()):
            if leg.standby:
                continue
            if leg.pause_after is not None and sequence > leg.pause_after:
                leg.held.append(sequence)
            else:
                self._forward(host, stream, child, sequence)
        self._watch(host, stream, carried)

    def _watch(self, host: Host, stream: StreamId, carried: Carried) -> None:
        if not carried.watching:
            carried.watching = True
            self.later(SILENCE_S, self._silence, host, stream, carried)

    def _silence(self, host: Host, stream: StreamId, carried: Carried) -> None:
        carried.watching = False
        if not host.alive or host.streams.get(stream) is not carried:
            return
        rest = carried.last_new_at + SILENCE_S - self.now
        if rest > 1e-9:
            carried.watching = True
            self.later(rest, self._silence, host, stream, carried)
            return
        if carried.active is None and not carried.origin:
            return
        second = carried.second
        usable = second is not None and second[1] is not Second.JOINING
        parent_alive = carried.active is not None and self._hears(host, carried.active)
        if usable and second is not None and not parent_alive:
            # why only then: a stalled parent still sends keep-alives (section 7.1)
            self._maybe_switch(host, stream, carried, second[0])
        if not carried.silent and self.now - carried.last_new_at >= SILENCE_S - 1e-9:
            carried.silent = True
            up = carried.active is None or self._hears(host, carried.active)
            self.notice(host, Silent(stream, up))
        if host.streams.get(stream) is carried and not carried.watching:
            carried.watching = True
            self.later(0.1, self._silence, host, stream, carried)

    def _maybe_switch(
        self, host: Host, stream: StreamId, carried: Carried, second: NodeId
    ) -> None:
        other = self.hosts[second].streams.get(stream)
        if other is None or not self._hears(host, second):
            return
        leg = other.legs.get(host.id)
        if leg is None or other.newest < carried.newest + 3:
            return
        carried.active, carried.second = second, None
        carried.silent = False
        carried.last_new_at = self.now
        self._activate(host, stream, second)
        self.notice(host, Activated(stream, second, carried.newest + 1))

    def _hears(self, host: Host, node: NodeId) -> bool:
        up = self.hosts[node].alive and node in host.links
        return up and not self.cut(host.id, node)

    def notice(self, host: Host, notice: PlaneNotice) -> None:
        self.input(host, host.brain.plane_notice, notice)
