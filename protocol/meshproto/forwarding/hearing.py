"""RTCP that arrives: what viewers and publishers tell us (RFC 3550, 4585, 5104).

Reports, transport-wide feedback and bandwidth estimates end here and feed congestion
control; NACKs are answered from history; requests for key frames are merged into the
layer's own.  A viewer that is being replayed to asks in vain, because the key frame it
wants is on its way, and so does one that was just sent a key frame.
"""

from __future__ import annotations

from collections import Counter

from meshproto.errors import DecodeError
from meshproto.forwarding.clock import ntp_seconds
from meshproto.forwarding.consumer import Consumer, Phase
from meshproto.forwarding.relay.relaying import Relaying
from meshproto.forwarding.retransmit import Retransmitter
from meshproto.forwarding.state import State, Timer
from meshproto.forwarding.table import TransportKind
from meshproto.forwarding.transport import Transport
from meshproto.wire import rtcp
from meshproto.wire.parameters import MediaKind
from meshproto.wire.rtcp import ReportBlock

_ABSORB_MIN_S = 0.1


class Hearing:
    """Acts on decrypted RTCP; `drops` counts what could not be read."""

    def __init__(
        self,
        state: State,
        retransmitter: Retransmitter,
        relaying: Relaying,
        drops: Counter[str],
    ) -> None:
        self._state = state
        self._relaying = relaying
        self._retransmitter = retransmitter
        self._drops = drops

    def receive(self, transport: Transport, compound: bytes, now: float) -> None:
        """One decrypted RTCP datagram; never raises."""
        if transport.kind is TransportKind.RELAY:
            self._relaying.hear(transport, compound, now)
            return
        try:
            packets = rtcp.parse(compound)
        except DecodeError as error:
            self._drops[error.reason] += 1
            return
        for packet in packets:
            self._act(transport, packet, now)

    def _act(self, transport: Transport, packet: rtcp.RtcpPacket, now: float) -> None:
        match packet:
            case rtcp.SenderReport():
                self._publisher_time(transport, packet, now)
                self._reports(transport, packet.reports, now)
            case rtcp.ReceiverReport():
                self._reports(transport, packet.reports, now)
            case rtcp.Bye():
                for ssrc in packet.sources:
                    self._ended(transport, ssrc)
            case rtcp.Nack():
                consumer = transport.consumers.get(packet.media_ssrc)
                if consumer is not None:
                    self._retransmitter.nacked(consumer, packet.lost(), now)
            case rtcp.PictureLossIndication():
                self._key_frame(transport, packet.media_ssrc, now)
            case rtcp.FullIntraRequest():
                for ssrc, _ in packet.entries:
                    self._key_frame(transport, ssrc, now)
            case rtcp.BitrateEstimate() | rtcp.TransportFeedback():
                self._path(transport, packet, now)
            case rtcp.SourceDescription():
                pass

    def _path(
        self,
        transport: Transport,
        packet: rtcp.BitrateEstimate | rtcp.TransportFeedback,
        now: float,
    ) -> None:
        """What a viewer says about the path to it."""
        sender = transport.sender
        if sender is None or not transport.consumers:
            return
        if isinstance(packet, rtcp.BitrateEstimate):
            sender.on_remb(packet.bitrate_bps, now)
        else:
            sender.on_feedback(packet.arrivals, now)
            self._retransmitter.lost(transport, packet.arrivals, now)
        if sender.overcommitted:
            self._state.agenda.no_later((Timer.ALLOCATION, transport), now)
        self._state.attend(transport, now)

    def _publisher_time(
        self, transport: Transport, report: rtcp.SenderReport, now: float
    ) -> None:
        source = transport.sources.get(report.ssrc)
        if source is None or source.repair or not report.ntp_time:
            return
        ours = now + self._state.config.ntp_offset_s
        transport.clock.heard(ntp_seconds(report.ntp_time), ours)
        if source.layer.clock.ntp_s is None:
            self._relaying.clock_found(source.layer)
        source.layer.clock.heard(report.ntp_time, report.rtp_time, now)

    def _reports(
        self, transport: Transport, blocks: tuple[ReportBlock, ...], now: float
    ) -> None:
        ours = [block for block in blocks if block.ssrc in transport.consumers]
        if not ours:
            return
        for block in ours:
            rtt_s = transport.reported.round_trip_s(block, now)
            if rtt_s is not None:
                transport.rtt_s = rtt_s
            transport.consumers[block.ssrc].reported(block.fraction_lost, now)
        if transport.sender is not None:
            worst = max(block.fraction_lost for block in ours) / 256
            transport.sender.on_loss(worst, transport.rtt_s, now)
            self._state.attend(transport, now)

    def _key_frame(self, transport: Transport, ssrc: int, now: float) -> None:
        consumer = transport.consumers.get(ssrc)
        if consumer is None or consumer.kind is not MediaKind.VIDEO:
            return
        consumer.requests += 1
        layer = (
            consumer.layer if consumer.phase is not Phase.WAITING else consumer.target
        )
        if layer is None or self._absorbed(consumer, now):
            return
        layer.keys.want()
        self._state.watch(layer, now)

    def _absorbed(self, consumer: Consumer, now: float) -> bool:
        if consumer.phase is Phase.SILENT or consumer.replaying:
            return True
        sent_at, layer = consumer.key_sent_at, consumer.layer
        if consumer.phase is Phase.LIVE and layer and layer.keys.arrived is not None:
            sent_at = max(sent_at, layer.keys.arrived)
        rtt_s = consumer.transport.rtt_s or 0.0
        return now - sent_at < max(1.5 * rtt_s, _ABSORB_MIN_S)

    def _ended(self, transport: Transport, ssrc: int) -> None:
        """The publisher says that a source ended: another may take its layer."""
        source = transport.sources.pop(ssrc, None)
        if source is None:
            return
        if source.repair:
            source.layer.rtx_ssrc = None
        else:
            source.layer.ssrc = None
