"""RTCP of neighbours: requests of children, clocks and heartbeats of parents.

A neighbour may be anybody: what it says counts only for legs that run over its own
link.  Requests for key frames are one per layer, whoever asks (RFC 0003 section 6.4);
those of layers that the leg does not carry are not heard.
"""

from __future__ import annotations

from collections import Counter

from meshproto.errors import DecodeError
from meshproto.forwarding.clock import ntp_seconds
from meshproto.forwarding.relay import wire
from meshproto.forwarding.relay.beats import Beats
from meshproto.forwarding.relay.deltas import LegTable
from meshproto.forwarding.relay.egress import Egress
from meshproto.forwarding.relay.stream import Neighbour
from meshproto.forwarding.state import State
from meshproto.wire import ccfb, rtcp

_ABSORB_MIN_S = 0.1


class LegControl:
    """Acts on decrypted RTCP of RELAY transports; `drops` counts what it refused."""

    def __init__(
        self,
        state: State,
        table: LegTable,
        egress: Egress,
        beats: Beats,
        drops: Counter[str],
    ) -> None:
        self._state = state
        self._table = table
        self._egress = egress
        self._beats = beats
        self._drops = drops

    def receive(self, neighbour: Neighbour, compound: bytes, now: float) -> None:
        """One decrypted RTCP datagram; never raises."""
        neighbour.hear(self._state.config.keep_alive_s, now)
        try:
            packets = rtcp.parse(compound)
            messages = wire.messages(compound)
            feedback = ccfb.find(compound)
        except DecodeError as error:
            self._drops[error.reason] += 1
            return
        for report in feedback:
            for leg in neighbour.legs.values():
                leg.quality.heard(report, neighbour.rtt_s, now)
        for message in messages:
            self._message(neighbour, message, now)
        for packet in packets:
            self._act(neighbour, packet, now)

    def _message(self, neighbour: Neighbour, message: wire.Message, now: float) -> None:
        match message:
            case wire.Heartbeat():
                for alias, order in message.legs:
                    self._told(neighbour, alias, order, now)
            case wire.Activate():
                for alias, order in message.legs:
                    found = neighbour.lowers.get(alias)
                    if found is None or found[0].alias != alias:
                        self._drops["wrong-leg"] += 1
                    else:
                        self._table.activated(found[0], order, now)
            case wire.KeepAlive():
                pass  # that it came is all it says

    def _told(self, neighbour: Neighbour, alias: int, order: int, now: float) -> None:
        found = neighbour.uppers.get(alias)
        if found is None or found[0].alias != alias:
            self._drops["wrong-leg"] += 1
            return
        upper = found[0]
        upper.told = order
        upper.told_at = now
        stream = upper.stream
        if stream.silent or now >= stream.fresh + self._state.config.silence_of_legs_s:
            self._state.judge(stream, now)

    def _act(self, neighbour: Neighbour, packet: rtcp.RtcpPacket, now: float) -> None:
        match packet:
            case rtcp.Nack():
                found = neighbour.lowers.get(packet.media_ssrc)
                slot = None if found is None else found[0].stream.slots.get(found[1])
                if found is None or slot is None:
                    self._drops["wrong-leg"] += 1
                else:
                    self._egress.nacked(found[0], slot, packet.lost(), now)
            case rtcp.PictureLossIndication():
                self._key_frame(neighbour, packet.media_ssrc, now)
            case rtcp.FullIntraRequest():
                for ssrc, _ in packet.entries:
                    self._key_frame(neighbour, ssrc, now)
            case rtcp.SenderReport():
                self._clock(neighbour, packet, now)
            case _:
                pass  # the link's quality is measured by its checks

    def _key_frame(self, neighbour: Neighbour, ssrc: int, now: float) -> None:
        found = neighbour.lowers.get(ssrc)
        slot = None if found is None else found[0].stream.slots.get(found[1])
        if found is None or slot is None or slot.layer is None:
            self._drops["wrong-leg"] += 1
            return
        leg, layer = found[0], slot.layer
        if leg.standby or not leg.wanted >> found[1] & 1:
            return
        arrived, rtt_s = layer.keys.arrived, neighbour.rtt_s
        if arrived is not None and now - arrived < max(1.5 * rtt_s, _ABSORB_MIN_S):
            return  # one is on its way
        layer.keys.want()
        self._state.watch(layer, now)

    def _clock(
        self, neighbour: Neighbour, report: rtcp.SenderReport, now: float
    ) -> None:
        found = neighbour.uppers.get(report.ssrc)
        slot = None if found is None else found[0].stream.slots.get(found[1])
        layer = None if slot is None else slot.layer
        if found is None or layer is None or not report.ntp_time:
            return
        virtual = self._state.publisher(layer)
        if virtual is None or found[0].stream.origin:
            return
        first = layer.clock.ntp_s is None
        ours = now + self._state.config.ntp_offset_s
        virtual.clock.heard(ntp_seconds(report.ntp_time), ours)
        layer.clock.heard(report.ntp_time, report.rtp_time, now)
        if first:
            self._beats.clock_found(found[0].stream)
