"""RTCP that leaves: what we ask of publishers and report to everybody.

Requests (NACK, PLI, FIR) go out alone, as reduced-size RTCP (RFC 5506): they are
urgent.  Reports carry an SDES with our CNAME, as RFC 3550 section 6.1 wants it.
"""

from __future__ import annotations

from meshproto.forwarding.layer import Layer
from meshproto.forwarding.reports import report_block, sender_report
from meshproto.forwarding.state import BREATH_S, State
from meshproto.forwarding.transport import Transport
from meshproto.wire import rtcp
from meshproto.wire.parameters import MediaKind
from meshproto.wire.rtcp_reports import CNAME, MAX_COUNT

_NACKED_AT_ONCE = 128
"""Numbers in one NACK packet: far below a datagram even without a single pair."""


class Requests:
    """Writes RTCP into the outbox when timers say so."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._fir_number = 0

    def layer_due(self, layer: Layer, now: float) -> None:
        """NACKs and key-frame requests of a layer whose time has come."""
        asked = self._state.asked(layer)
        if asked is None:
            return
        if layer.nacks is not None:
            lost, abandoned = layer.nacks.due(now, asked[0].rtt_s or 0.0)
            if lost:
                self._nack(*asked, lost)
            if abandoned and layer.kind is MediaKind.VIDEO:
                layer.keys.want()
        if layer.keys.due(now):
            self._ask_key_frame(*asked, layer)
        self._state.watch(layer, now + BREATH_S)

    def arrivals_due(self, transport: Transport) -> None:
        """Transport-wide feedback for what arrived since the last one."""
        if transport.arrivals is None or not transport.sources:
            return
        media = next(iter(transport.sources))
        for packet in transport.arrivals.take(transport.ssrc, media):
            self._post(transport, packet)

    def reports_due(self, transport: Transport, now: float) -> None:
        """Reports about everything that enters or leaves over the transport."""
        sent = self._sender_reports(transport, now)
        packets: list[rtcp.RtcpPacket] = [*sent]
        named = [report.ssrc for report in sent]
        if transport.producers:
            packets.append(self._receiver_report(transport, now))
            named.append(transport.ssrc)
        if not packets:
            return
        packets.append(self._description(named))
        estimate = self._estimate(transport)
        if estimate is not None:
            packets.append(estimate)
        self._post(transport, rtcp.build(packets))

    def _sender_reports(
        self, transport: Transport, now: float
    ) -> list[rtcp.SenderReport]:
        reports = []
        for consumer in transport.consumers.values():
            segment = consumer.last_segment
            publisher = (
                None if segment is None else self._state.publisher(segment.source)
            )
            if publisher is None:
                continue
            report = sender_report(consumer, publisher.clock, self._state.config, now)
            if report is not None:
                transport.reported.note(report.ntp_time, now)
                reports.append(report)
        return reports[:MAX_COUNT]

    def _receiver_report(self, transport: Transport, now: float) -> rtcp.ReceiverReport:
        blocks = [
            block
            for producer in transport.producers.values()
            for layer in producer.layers.values()
            if (block := report_block(layer, now)) is not None
        ]
        return rtcp.ReceiverReport(transport.ssrc, tuple(blocks[:MAX_COUNT]))

    def _description(self, ssrcs: list[int]) -> rtcp.SourceDescription:
        name = self._state.config.cname.encode()
        return rtcp.SourceDescription(
            tuple((ssrc, ((CNAME, name),)) for ssrc in ssrcs[:MAX_COUNT])
        )

    def _estimate(self, transport: Transport) -> rtcp.BitrateEstimate | None:
        """REMB for publishers that negotiated it and no transport-wide feedback."""
        if transport.arrivals is not None:
            return None
        ssrcs = [
            layer.ssrc
            for producer in transport.producers.values()
            for layer in producer.layers.values()
            if layer.ssrc is not None and producer.takes_remb
        ]
        if not ssrcs:
            return None
        bitrate_bps = self._state.config.publisher_bitrate_bps
        return rtcp.BitrateEstimate(transport.ssrc, bitrate_bps, tuple(ssrcs))

    def _nack(self, transport: Transport, ssrc: int, lost: list[int]) -> None:
        for start in range(0, len(lost), _NACKED_AT_ONCE):
            some = [number & 0xFFFF for number in lost[start : start + _NACKED_AT_ONCE]]
            self._post(transport, rtcp.Nack.of(transport.ssrc, ssrc, some).encode())

    def _ask_key_frame(self, transport: Transport, ssrc: int, layer: Layer) -> None:
        if layer.takes_pli:
            request = rtcp.PictureLossIndication(transport.ssrc, ssrc).encode()
        else:
            self._fir_number = self._fir_number + 1 & 0xFF
            entries = ((ssrc, self._fir_number),)
            request = rtcp.FullIntraRequest(transport.ssrc, 0, entries).encode()
        self._post(transport, request)

    def _post(self, transport: Transport, packet: bytes) -> None:
        self._state.rtcp.append((transport.id, packet))
