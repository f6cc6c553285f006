"""The simulated packet plane: forwarding tables and histories, without octets.

It obeys the same `RelayDelta` values as the reference and the native plane and reports
the same notices (RFC 0011 section 8), but its packets are sequence numbers.  One packet
clock per stream stands for all its layers; layers change the octets, not the numbers.

What changes nothing is elided (RFC 0012 section 3): heartbeats of a standby and
keep-alives of a parent are not events, their effect is computed when a silence is
judged, from what the other end knew one path delay ago.  Their octets are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, assert_never

from meshproto.forwarding import relay_table as t
from meshproto.ids import NodeId, StreamId

HOPS_MAX = 24
HISTORY_PACKETS = 1024
SILENCE_S = 0.060
CALM_S = 0.4
"""The same while nothing is broken anywhere: a judgement costs an event."""

AGAIN_S = 0.015
"""Between two judgements of a silence."""

KEEP_ALIVE_S = 0.030
ACTIVATE_PACKETS = 3
JOINING_S = 0.100
RECENT = 16


class Surroundings(Protocol):
    """What a plane asks of the simulated world."""

    def interval_s(self, stream: StreamId) -> float:
        """The present gap between two packets of the stream's clock."""
        ...

    def alert(self) -> bool:
        """Whether something broke a moment ago, so that silences matter."""
        ...

    def send(self, child: NodeId, alias: int, packet: MediaPacket) -> None:
        """Send a packet to a neighbour over the media path; it may be lost."""
        ...

    def activate(self, parent: NodeId, stream: StreamId, sequence: int) -> None:
        """Send the pre-programmed Activate to a standby."""
        ...

    def heard_s(self, peer: NodeId) -> float | None:
        """How long ago the last keep-alive of `peer` came; None: never again."""
        ...

    def newest_at(self, peer: NodeId, stream: StreamId) -> int | None:
        """The newest sequence that the last heartbeat of `peer` told."""
        ...

    def rtt_s(self, peer: NodeId) -> float:
        """The round trip to a neighbour, as checks measure it."""
        ...

    def wake(self, stream: StreamId, at: float) -> None:
        """Call `judge(stream)` at that time, instead of an earlier request."""
        ...

    def notice(self, notice: t.PlaneNotice) -> None:
        """Tell the brain."""
        ...

    def circulated(self, stream: StreamId, sequence: int) -> None:
        """A packet ran out of hops: it must have gone in a circle."""
        ...


class MediaPacket(NamedTuple):
    """One packet as a node passes it on; `born` is its time at the origin."""

    stream: StreamId
    sequence: int
    hops: int
    born: float


@dataclass(slots=True)
class Leg:
    """An egress leg; `held` are packets above `pause_after`."""

    alias: int
    layers: int
    standby: bool
    pause_after: int | None = None


@dataclass(slots=True)
class Counters:
    """What happened at one node, for the report."""

    received: int = 0
    delivered: int = 0
    duplicates: int = 0
    stale: int = 0
    wrong_leg: int = 0
    hop_limit: int = 0


@dataclass(slots=True)
class Stream:
    """One stream at one node: ingress legs, egress legs, history."""

    origin: bool = False
    parent: NodeId | None = None
    alias: int = 0
    second: NodeId | None = None
    use: t.Second = t.Second.STANDBY
    second_alias: int = 0
    legs: dict[NodeId, Leg] = field(default_factory=dict)
    newest: int = -1
    history: dict[int, float] = field(default_factory=dict)
    recent: deque[tuple[float, int]] = field(
        default_factory=lambda: deque(maxlen=RECENT)
    )
    heard: float = 0.0
    began: float = 0.0  # when the active leg became so
    waiting: bool = False  # for the first packet of a leg that was a standby
    fresh: float = 0.0
    silent: bool = True
    stalled: bool = False
    joining_since: float = 0.0
    joining_packets: int = 0
    told_nothing_new: bool = False

    def newest_before(self, time: float) -> int | None:
        """The newest sequence that was known here at `time`."""
        for at, sequence in reversed(self.recent):
            if at <= time:
                return sequence
        return None


class SimPlane:
    """All streams of one node; `deliver` is called once per packet for its viewers."""

    __slots__ = ("_deliver", "_world", "counters", "streams")

    def __init__(
        self,
        world: Surroundings,
        deliver: Callable[[StreamId, int, float, float], None],
    ) -> None:
        self._world = world
        self._deliver = deliver
        self.streams: dict[StreamId, Stream] = {}
        self.counters = Counters()

    def apply(self, delta: t.RelayDelta, now: float) -> None:
        """Change the table as the brain says."""
        match delta:
            case t.OpenStream():
                state = self.streams.setdefault(delta.stream, Stream())
                state.origin = delta.origin
                state.heard = state.fresh = now
            case t.CloseStream():
                self.streams.pop(delta.stream, None)
            case t.SetActive():
                self._set_active(self.streams[delta.stream], delta, now)
            case t.SetSecond():
                self._set_second(self.streams[delta.stream], delta, now)
            case t.OpenLeg():
                self._open(self.streams[delta.stream], delta)
            case t.SetLeg():
                self._set_leg(self.streams[delta.stream], delta)
            case t.CloseLeg():
                self.streams[delta.stream].legs.pop(delta.child, None)
            case _:
                assert_never(delta)

    def _set_active(self, state: Stream, delta: t.SetActive, now: float) -> None:
        standby = False
        if delta.parent is not None and delta.parent == state.second:
            standby = state.use is t.Second.STANDBY
            state.second = None
        state.parent, state.alias = delta.parent, delta.alias
        state.heard = state.began = now
        state.waiting = standby
        # why: a leg that stays empty is told as a silence of its own
        state.silent = False
        if standby and delta.parent is not None:
            state.began += self._world.rtt_s(delta.parent)
            self._world.activate(delta.parent, delta.stream, state.newest + 1)
        self._arm(delta.stream, state, now)

    def _set_second(self, state: Stream, delta: t.SetSecond, now: float) -> None:
        state.second, state.use = delta.parent, delta.use
        state.second_alias = delta.alias
        state.joining_since, state.joining_packets = now, 0
        state.told_nothing_new = False
        self._arm(delta.stream, state, now)

    def _open(self, state: Stream, delta: t.OpenLeg) -> None:
        leg = Leg(delta.alias, delta.layers, delta.standby)
        state.legs[delta.child] = leg
        if delta.standby:
            return
        # without a start the child begins at the key-frame cache: one packet stands
        # for it, so that the child knows a number at once
        start = state.newest if delta.start is None else delta.start
        self._replay(delta.stream, state, delta.child, leg, start)

    def _set_leg(self, state: Stream, delta: t.SetLeg) -> None:
        leg = state.legs.get(delta.child)
        if leg is None:
            return
        leg.layers = delta.layers
        held_from = leg.pause_after
        leg.pause_after = delta.pause_after
        if held_from is not None and delta.pause_after is None and not leg.standby:
            self._replay(delta.stream, state, delta.child, leg, held_from + 1)

    def _replay(
        self, stream: StreamId, state: Stream, child: NodeId, leg: Leg, start: int
    ) -> None:
        for sequence in range(max(start, state.newest - HISTORY_PACKETS), 1 << 62):
            if sequence > state.newest:
                return
            born = state.history.get(sequence)
            if born is not None:
                packet = MediaPacket(stream, sequence, HOPS_MAX, born)
                self._world.send(child, leg.alias, packet)

    def emit(self, stream: StreamId, sequence: int, now: float) -> None:
        """The publisher at this node made a packet."""
        state = self.streams.get(stream)
        if state is not None and state.origin:
            self._accept(state, MediaPacket(stream, sequence, HOPS_MAX, now), now)

    def receive(
        self, source: NodeId, alias: int, packet: MediaPacket, now: float
    ) -> None:
        """A packet came from a neighbour: the checks of RFC 0011 section 8."""
        self.counters.received += 1
        state = self.streams.get(packet.stream)
        if state is None:
            self.counters.wrong_leg += 1
            return
        if source == state.parent and alias == state.alias:
            state.heard = now
            state.waiting = False
            joining = False
        elif (
            source == state.second
            and alias == state.second_alias
            and state.use is not t.Second.STANDBY
        ):
            joining = state.use is t.Second.JOINING
        else:
            self.counters.wrong_leg += 1
            return
        if packet.hops <= 0:
            self.counters.hop_limit += 1
            self._world.circulated(packet.stream, packet.sequence)
            return
        if joining:
            state.joining_packets += 1
        if packet.sequence in state.history:
            self.counters.duplicates += 1
            if joining:
                self._nothing_new(packet, state, now)
            return
        if packet.sequence <= state.newest - HISTORY_PACKETS:
            self.counters.stale += 1
            return
        new = packet.sequence > state.newest
        self._accept(state, packet, now)
        if new and joining:
            self._world.notice(t.FirstNew(packet.stream, source, packet.sequence))
        if new and state.silent:
            state.silent = False
            self._world.notice(t.Flowing(packet.stream, source, packet.sequence))

    def _nothing_new(self, packet: MediaPacket, state: Stream, now: float) -> None:
        ran = now - state.joining_since >= JOINING_S and state.joining_packets >= 3
        if ran and not state.told_nothing_new and state.second is not None:
            state.told_nothing_new = True
            lead = max(0, state.newest - packet.sequence)
            self._world.notice(
                t.NothingNew(packet.stream, state.second, state.newest, lead)
            )

    def _accept(self, state: Stream, packet: MediaPacket, now: float) -> None:
        sequence = packet.sequence
        history = state.history
        history[sequence] = packet.born
        if sequence > state.newest:
            state.newest = sequence
            state.fresh = now
            state.recent.append((now, sequence))
        if len(history) >= 2 * HISTORY_PACKETS:
            # why half at once: the first key of a dictionary that lost its first keys
            # is found only behind all of their places
            for old in list(history)[:HISTORY_PACKETS]:
                del history[old]
        self.counters.delivered += 1
        self._deliver(packet.stream, sequence, packet.born, now)
        if state.legs:
            self._forward(state, packet)

    def _forward(self, state: Stream, packet: MediaPacket) -> None:
        send, sequence = self._world.send, packet.sequence
        passed = MediaPacket(packet.stream, sequence, packet.hops - 1, packet.born)
        for child, leg in state.legs.items():
            held = leg.pause_after is not None and sequence > leg.pause_after
            if not (leg.standby or held):
                send(child, leg.alias, passed)

    def activated(self, stream: StreamId, child: NodeId, sequence: int) -> None:
        """A standby child asks for packets from `sequence` on, at once."""
        state = self.streams.get(stream)
        leg = None if state is None else state.legs.get(child)
        if state is None or leg is None or not leg.standby:
            return
        leg.standby = False
        self._replay(stream, state, child, leg, sequence)
        self._world.notice(t.LegActivated(stream, child, sequence))

    def judge(self, stream: StreamId, now: float) -> None:
        """Is the active leg silent?  Called when `wake` asked for it."""
        state = self.streams.get(stream)
        if state is None or state.origin:
            return
        self._judge(stream, state, now)
        self._arm(stream, state, now)

    def _patience_s(self, stream: StreamId) -> float:
        least = SILENCE_S if self._world.alert() else CALM_S
        return max(least, 2 * KEEP_ALIVE_S, 3 * self._world.interval_s(stream))

    def _arm(self, stream: StreamId, state: Stream, now: float) -> None:
        if state.origin or (state.parent is None and state.second is None):
            return
        patience = self._patience_s(stream)
        due = max(state.fresh, state.began) + patience
        self._world.wake(stream, due if due > now else now + AGAIN_S)

    def _judge(self, stream: StreamId, state: Stream, now: float) -> None:
        patience = self._patience_s(stream)
        if now - max(state.fresh, state.began) < patience or state.parent is None:
            return
        if state.waiting:
            # why again: an Activate is a datagram, and may have been lost
            self._world.activate(state.parent, stream, state.newest + 1)
        heard = self._world.heard_s(state.parent)
        alive = heard is not None and heard < patience
        # why also when the parent is alive: only packets that the standby has and the
        # parent does not pass on prove that it is stalled (RFC 0011 section 7.3)
        if self._try_standby(stream, state, alive, now):
            return
        if not state.silent or (state.stalled and not alive):
            state.silent, state.stalled = True, alive
            self._world.notice(t.Silent(stream, alive))

    def _try_standby(
        self, stream: StreamId, state: Stream, alive: bool, now: float
    ) -> bool:
        if alive or state.second is None or state.use is not t.Second.STANDBY:
            return False
        newest = self._world.newest_at(state.second, stream)
        if newest is None or newest < state.newest + ACTIVATE_PACKETS:
            return False
        standby = state.second
        state.parent, state.alias = standby, state.second_alias
        state.second = None
        # why later: the Activate must get there, and the packets come back
        state.heard, state.began = now, now + self._world.rtt_s(standby)
        state.waiting, state.silent = True, False
        self._world.activate(standby, stream, state.newest + 1)
        self._world.notice(t.Activated(stream, standby, state.newest + 1))
        return True
