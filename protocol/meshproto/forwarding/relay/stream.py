"""The tables of relay legs: neighbours, streams, and the legs between them.

A *neighbour* is a node with a link.  An *upper* leg brings a stream, a (lower) *leg*
takes it to a child; both are known by their alias, the first of 16 SSRCs, one for each
slot of the stream (RFC 0003 section 13.1).  These are values that the other modules of
the package read and write; what they mean stands there.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from meshproto.forwarding.packet import Packet
from meshproto.forwarding.relay.arrivals import Arrivals
from meshproto.forwarding.relay.quality import Quality
from meshproto.forwarding.relay.wire import SLOTS
from meshproto.forwarding.relay_table import LayerMask, Second
from meshproto.forwarding.repairs import Repairs
from meshproto.ids import NodeId, StreamId

if TYPE_CHECKING:
    from meshproto.forwarding.relay.slots import BoundSlot
    from meshproto.forwarding.transport import Transport

LONG_AGO = float("-inf")
_JITTER_MAX_S = 0.05
_EARLY_MAX = 256
"""Packets kept per neighbour for a leg that is not known yet: four steps of a replay.
"""

_EARLY_S = 0.25
UNBOUND_S = 5.0
_UNBOUND_OCTETS = 2 << 20
_UNBOUND_MAX = 4_096
"""A stream whose tracks are not known yet: a key-frame cache, and what follows it."""

_GAP_START_S = 0.02
_GAP_LEAST_S = 0.001
"""Packets that come closer together than this are of one burst."""

_GAP_MAX_S = 0.5
"""A longer gap is a pause of the publisher, not its pace."""


class Neighbour:
    """A node and the SSRCs of its legs, by direction; `transport` is None without one.

    `heard` and `sent` are when anything came from it, or was sent to it, over the
    media path.  `jitter_s` is how much later than promised signs of life use to come.
    """

    __slots__ = (
        "_early",
        "arrivals",
        "heard",
        "jitter_s",
        "legs",
        "lowers",
        "node",
        "sent",
        "transport",
        "uppers",
    )

    def __init__(self, node: NodeId) -> None:
        self.node = node
        self.transport: Transport | None = None
        self.uppers: dict[int, tuple[Upper, int]] = {}
        self.lowers: dict[int, tuple[Leg, int]] = {}
        self.legs: dict[StreamId, Leg] = {}
        self.heard = LONG_AGO
        self.sent = LONG_AGO
        self.jitter_s = 0.0
        self.arrivals = Arrivals()
        self._early: deque[tuple[float, int, bytes]] = deque(maxlen=_EARLY_MAX)

    def keep_early(self, ssrc: int, packet: bytes, now: float) -> None:
        """A packet of no leg that is known: perhaps it overtook the Accept."""
        self._early.append((now, ssrc, packet))

    def take_early(self, now: float) -> list[bytes]:
        """Packets of legs that became known a moment after they came, in order."""
        early, uppers = self._early, self.uppers
        ours = [x for x in early if x[1] in uppers and now - x[0] < _EARLY_S]
        if ours:
            kept = [x for x in early if x[1] not in uppers]
            self._early = deque(kept, maxlen=_EARLY_MAX)
        return [packet for _, _, packet in ours]

    @property
    def ready(self) -> Transport | None:
        """The transport, while packets to it can be protected."""
        transport = self.transport
        return transport if transport is not None and transport.sending else None

    @property
    def rtt_s(self) -> float:
        """The round trip, as far as it was measured."""
        transport = self.transport
        measured = None if transport is None else transport.rtt_s
        return 0.05 if measured is None else measured

    def hear(self, keep_alive_s: float, now: float) -> None:
        """Something authentic came over the media path."""
        late_s = now - self.heard - keep_alive_s
        if 0 < late_s < 1.0:
            moved = self.jitter_s + (late_s - self.jitter_s) / 8
            self.jitter_s = min(moved, _JITTER_MAX_S)
        elif self.jitter_s:
            self.jitter_s *= 0.998
        self.heard = now


def block_of(alias: int) -> list[int]:
    """The SSRCs of a leg, in order of slots."""
    return [alias + slot & 0xFFFFFFFF for slot in range(SLOTS)]


class Upper:
    """A leg that brings the stream; `use` None means that it is the active one.

    `told` is the newest number of the last heartbeat.  A joining leg has brought
    `packets`, and is `proven` once one of them was new.
    """

    __slots__ = (
        "alias",
        "base",
        "neighbour",
        "packets",
        "proven",
        "since",
        "stream",
        "told",
        "told_at",
        "told_nothing_new",
        "use",
    )

    def __init__(
        self,
        stream: Stream,
        neighbour: Neighbour,
        alias: int,
        base: int,
        use: Second | None,
        now: float,
    ) -> None:
        self.stream = stream
        self.neighbour = neighbour
        self.alias = alias
        self.base = base
        self.use = use
        self.since = now
        self.told = -1
        self.told_at = LONG_AGO
        self.packets = 0
        self.proven = False
        self.told_nothing_new = False


class Leg:
    """A leg to a child.

    `wanted` and `sending` are slots, one bit each: those that the child's layers mean,
    and those that began already; the others wait for a key frame.  `backlog` holds what
    a replay still has to send, in order, with what is live behind it.  While the leg is
    paused above `pause_after`, everything from `held_from` on was held back; `reached`
    is the highest stream number that left, `tops` has the layer numbers by slot.
    """

    __slots__ = (
        "alias",
        "backlog",
        "beat_at",
        "held_from",
        "layers",
        "neighbour",
        "octets",
        "overflows",
        "packets",
        "pause_after",
        "quality",
        "reached",
        "repairs",
        "reported_at",
        "sending",
        "standby",
        "stream",
        "tops",
        "wanted",
    )

    def __init__(
        self,
        stream: Stream,
        neighbour: Neighbour,
        alias: int,
        layers: LayerMask,
        standby: bool,
        repairs_max: int,
    ) -> None:
        self.stream = stream
        self.neighbour = neighbour
        self.alias = alias
        self.layers = layers
        self.standby = standby
        self.pause_after: int | None = None
        self.held_from: int | None = None
        self.reached = -1
        self.wanted = 0
        self.sending = 0
        self.tops: dict[int, int] = {}
        self.backlog: deque[Packet] = deque()
        self.repairs = Repairs(0, repairs_max)
        self.quality = Quality()
        self.beat_at = LONG_AGO
        self.reported_at = LONG_AGO
        self.packets = 0
        self.octets = 0
        self.overflows = 0

    def hold(self, pause_after: int | None) -> None:
        """Pause above `pause_after`, or pause no more."""
        self.pause_after = pause_after
        if pause_after is None:
            self.held_from = None
            return
        kept = [packet for packet in self.backlog if packet.order <= pause_after]
        self.backlog = deque(kept)
        # what left already must not leave again
        self.held_from = max(pause_after, self.reached) + 1


class Stream:
    """A stream at this node.

    `newest` is the highest number that was accepted, `fresh` when that was, `began`
    from when on a silence of the active leg counts.  `waiting`: the active leg was
    asked to begin and brought nothing yet, `activate_at` is when to ask again.
    `silent` and `stalled` are what was told last.  `outgoing` was accepted since legs
    were last served.
    """

    __slots__ = (
        "_unbound",
        "_unbound_octets",
        "activate_at",
        "active",
        "began",
        "counters",
        "fresh",
        "gap_s",
        "id",
        "legs",
        "newest",
        "origin",
        "outgoing",
        "second",
        "silent",
        "slots",
        "stalled",
        "waiting",
    )

    def __init__(self, stream: StreamId, origin: bool, now: float) -> None:
        self.id = stream
        self.origin = origin
        self.slots: dict[int, BoundSlot] = {}
        self.active: Upper | None = None
        self.second: Upper | None = None
        self.legs: dict[NodeId, Leg] = {}
        self.newest = -1
        self.fresh = self.began = now
        self.gap_s = _GAP_START_S
        self.waiting = False
        self.activate_at = 0.0
        self.silent = True
        self.stalled = False
        self.outgoing: list[Packet] = []
        self.counters: Counter[str] = Counter()
        self._unbound: list[tuple[float, Upper, bytes]] = []
        self._unbound_octets = 0

    def keep_unbound(self, upper: Upper, packet: bytes, now: float) -> None:
        """A packet while nobody knows yet what the slots are; all go when they are too
        many or too old, for behind a gap only a new key frame helps.
        """
        held = self._unbound
        full = len(held) >= _UNBOUND_MAX or self._unbound_octets >= _UNBOUND_OCTETS
        if full or (held and now - held[0][0] > UNBOUND_S):
            self.take_unbound()
        self._unbound.append((now, upper, packet))
        self._unbound_octets += len(packet)

    def take_unbound(self) -> list[tuple[float, Upper, bytes]]:
        """What waited, in order, with the time when it came."""
        held, self._unbound = self._unbound, []
        self._unbound_octets = 0
        return held

    def came(self, order: int, now: float) -> bool:
        """Packet `order` was accepted; whether nothing as new was here before."""
        if order <= self.newest:
            return False
        gap_s = min(now - self.fresh, _GAP_MAX_S)
        if gap_s > _GAP_LEAST_S and self.newest >= 0:
            # up fast: a slow stream must not seem silent for long
            self.gap_s += (gap_s - self.gap_s) / (4 if gap_s > self.gap_s else 16)
        self.newest = order
        self.fresh = now
        return True

    def wanted(self, layers: LayerMask) -> int:
        """The slots of these layers, one bit each; slots without a layer always."""
        mask = 0
        for index, slot in self.slots.items():
            if slot.layer is None:
                continue
            if slot.bit is None or layers >> slot.bit & 1:
                mask |= 1 << index
        return mask
