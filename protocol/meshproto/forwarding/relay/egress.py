"""Legs to children: everything that is sent to neighbours (RFC 0003 section 13.3).

What a stream accepted since the last flush goes to each child in the order of the
stream, one burst per child, before any viewer is served.  A packet is written once:
alias and slot make the SSRC, and all the rest is the same for every child and for ever,
so that a repetition needs no memory of what was sent.

A leg that begins, resumes or is activated first gets what it lacks out of the history.
That may be a whole group of pictures: it leaves in steps, and what is live waits behind
it, for a child must see the stream in order.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from operator import attrgetter

from meshproto.forwarding.layer import Layer
from meshproto.forwarding.outputs import Burst, OutPacket, Repeat
from meshproto.forwarding.packet import Packet
from meshproto.forwarding.relay import backfill
from meshproto.forwarding.relay.slots import BoundSlot
from meshproto.forwarding.relay.stream import Leg, Stream
from meshproto.forwarding.relay.wire import FIRST_PAYLOAD_TYPE
from meshproto.forwarding.sequence import nearest
from meshproto.forwarding.state import State, Timer
from meshproto.ids import ConsumerId

NOBODY = ConsumerId(-1)
"""The consumer of a leg's bursts: legs have none."""

_FIXED = struct.Struct("!HHII").pack
_order = attrgetter("order")


def write(leg: Leg, packets: Iterable[Packet]) -> list[OutPacket]:
    """The packets as they leave over the leg; always the same octets."""
    slots, alias = leg.stream.slots, leg.alias
    out: list[OutPacket] = []
    for packet in packets:
        slot, number = packet.slot, packet.number
        block = packet.block
        if block is None:
            block = packet.block = slots[slot].block(packet)
        first = 0x9000 | FIRST_PAYLOAD_TYPE + slot
        if packet.padding:
            first |= 0x2000
        if packet.marker:
            first |= 0x80
        ssrc = alias + slot & 0xFFFFFFFF
        header = _FIXED(first, number & 0xFFFF, packet.timestamp, ssrc) + block
        out.append((header, packet.payload, ssrc, number))
    return out


class Egress:
    """Serves legs.  `settle` takes what a layer still holds back for the flush."""

    def __init__(self, state: State, settle: Callable[[Layer, float], None]) -> None:
        self._state = state
        self._config = state.config
        self._settle = settle

    def flush(self, stream: Stream, now: float) -> None:
        """Pass on what the stream accepted since the last time."""
        packets, stream.outgoing = stream.outgoing, []
        if not packets:
            return
        if len(packets) > 1:
            packets.sort(key=_order)
        slots = 0
        for packet in packets:
            slots |= 1 << packet.slot
        for leg in stream.legs.values():
            if not leg.standby and leg.neighbour.ready is not None:
                self._pass_on(leg, packets, slots, now)

    def begin(self, leg: Leg, start: int | None, now: float) -> None:
        """Send from `start` on, or from the key-frame cache, then what is live."""
        leg.wanted = leg.stream.wanted(leg.layers)
        if start is None:
            self._send(leg, self._begun(leg, now), now)
        else:
            leg.sending = leg.wanted
            self._send(leg, backfill.since(leg, start), now)

    def retune(self, leg: Leg, now: float, held_from: int | None = None) -> None:
        """The leg's layers, or the slots of its stream, changed; what was held back
        since `held_from` may go now, as far as the leg is not paused again.
        """
        leg.wanted = leg.stream.wanted(leg.layers)
        leg.sending &= leg.wanted
        if leg.backlog:
            kept = [p for p in leg.backlog if leg.sending >> p.slot & 1]
            leg.backlog = deque(kept)
        if leg.standby:
            return
        found = [] if held_from is None else backfill.since(leg, held_from)
        if leg.wanted != leg.sending:
            found += self._begun(leg, now)
        self._send(leg, sorted(found, key=_order), now)

    def settle(self, stream: Stream, now: float) -> None:
        """Send what waits for the flush: a replay must not send it a second time."""
        for slot in stream.slots.values():
            if slot.layer is not None and slot.layer.pending:
                self._settle(slot.layer, now)
        self.flush(stream, now)

    def drain(self, leg: Leg, now: float) -> None:
        """The next step of a replay."""
        if not leg.backlog or leg.stream.legs.get(leg.neighbour.node) is not leg:
            leg.backlog.clear()
            return
        step = self._config.leg_burst_packets
        some = [leg.backlog.popleft() for _ in range(min(step, len(leg.backlog)))]
        self._depart(leg, some, now)
        if leg.backlog:
            when = now + self._config.leg_step_s
            self._state.agenda.no_later((Timer.LEG, leg), when)

    def nacked(
        self, leg: Leg, slot: BoundSlot, lost: Iterable[int], now: float
    ) -> None:
        """A child misses these (16 bit) numbers of a slot."""
        layer, transport = slot.layer, leg.neighbour.ready
        if layer is None or transport is None or leg.standby:
            return
        self.settle(leg.stream, now)
        interval_s = leg.neighbour.rtt_s / 2
        for sequence in islice(lost, self._config.nacked_packets):
            number = nearest(sequence, layer.history.head)
            packet = layer.history.get(number)
            if packet is None:
                self._ask(layer, number, now)
                leg.repairs.missed += 1
            elif self._may_repeat(leg, packet, interval_s, now):
                [again] = write(leg, (packet,))
                leg.repairs.answered += 1
                leg.quality.repeated(again[2], number, 2 * interval_s, now)
                self._state.resends.append(Repeat(transport.id, again))

    def _pass_on(self, leg: Leg, packets: list[Packet], slots: int, now: float) -> None:
        begun: list[Packet] = []
        sending = leg.sending
        if leg.wanted != sending and slots & (leg.wanted & ~sending):
            begun = self._begun(leg, now)
        chosen = packets
        if slots & ~sending:
            chosen = [p for p in packets if sending >> p.slot & 1]
        if begun:
            chosen = sorted(chosen + begun, key=_order)
        self._send(leg, chosen, now)

    def _send(self, leg: Leg, packets: list[Packet], now: float) -> None:
        if leg.pause_after is not None:
            packets = [p for p in packets if p.order <= leg.pause_after]
        if not packets:
            return
        if not leg.backlog and len(packets) <= self._config.leg_burst_packets:
            self._depart(leg, packets, now)
            return
        waiting = bool(leg.backlog)
        leg.backlog.extend(packets)
        if len(leg.backlog) > self._config.leg_backlog_packets:
            # a child that needs more than this needs a key frame instead
            leg.overflows += 1
            leg.backlog.clear()
        elif not waiting:
            self.drain(leg, now)

    def _depart(self, leg: Leg, packets: list[Packet], now: float) -> None:
        transport = leg.neighbour.ready
        if transport is None:
            return
        out = write(leg, packets)
        leg.packets += len(out)
        leg.octets += sum([packet.size for packet in packets])
        leg.reached = max(leg.reached, *[packet.order for packet in packets])
        tops = leg.tops
        for packet in packets:
            if packet.number > tops.get(packet.slot, -1):
                tops[packet.slot] = packet.number
        if self._config.leg_feedback_s:
            noted = leg.quality.sent
            for _, _, ssrc, number in out:
                noted(ssrc, number, now)
        leg.neighbour.sent = now
        self._state.leg_bursts.append(Burst(transport.id, NOBODY, out, False))

    def _begun(self, leg: Leg, now: float) -> list[Packet]:
        """What begins now out of the cache; for the rest key frames are asked for."""
        found, lacking = backfill.cached(leg, self._config)
        for layer in lacking:
            layer.keys.want()
            self._state.watch(layer, now)
        return found

    def _ask(self, layer: Layer, number: int, now: float) -> None:
        if layer.nacks is not None:
            layer.nacks.want(number, now)
            self._state.watch(layer, now)

    def _may_repeat(
        self, leg: Leg, packet: Packet, interval_s: float, now: float
    ) -> bool:
        held = leg.pause_after is not None and packet.order > leg.pause_after
        sent = packet.number <= leg.tops.get(packet.slot, -1)
        if packet.order < 0 or held or not sent:
            return False
        repairs, config = leg.repairs, self._config
        allowed = config.rtx_share * leg.octets + config.rtx_burst_bytes
        key = packet.number << 4 | packet.slot
        if repairs.sent_bytes + packet.size > allowed or repairs.recently(
            key, interval_s, now
        ):
            repairs.refused += 1
            return False
        repairs.sent_bytes += packet.size
        return True
