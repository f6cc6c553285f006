"""Sender and receiver reports at the hop (RFC 3550 section 6.4).

Reports end here: a publisher's loss is ours to tell, a viewer's ours to act on.  To
viewers go sender reports of our own, one per consumer, whose times are the publisher's
(`clock`).  The first one leaves with the first packets, so that players need not guess
how sound and picture belong together.

Round trip times come from the viewers' receiver reports.  They quote the middle of the
NTP time of our report; what we remember is when we sent the report with that middle, so
the NTP times may be anybody's.
"""

from __future__ import annotations

from collections import OrderedDict

from meshproto.forwarding.clock import PublisherClock, ntp_bits
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.layer import Layer
from meshproto.wire import rtcp
from meshproto.wire.rtcp import ReportBlock, SenderReport

_REMEMBERED = 8


class SentReports:
    """When the last reports of a transport left, by the middle of their NTP time."""

    __slots__ = ("_sent",)

    def __init__(self) -> None:
        self._sent: OrderedDict[int, float] = OrderedDict()

    def note(self, ntp: int, now: float) -> None:
        """A report with this 64 bit NTP time leaves now."""
        self._sent[rtcp.compact_ntp(ntp)] = now
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def round_trip_s(self, block: ReportBlock, now: float) -> float | None:
        """What a report block says about the path (RFC 3550 section 6.4.1)."""
        sent = self._sent.get(block.last_report)
        if sent is None or not block.last_report:
            return None
        rtt_s = now - sent - block.delay / 65536
        return rtt_s if rtt_s >= 0 else None


def sender_report(
    consumer: Consumer, clock: PublisherClock, config: ForwardingConfig, now: float
) -> SenderReport | None:
    """The consumer's report at this instant; None while it sends nothing."""
    segment, last = consumer.last_segment, consumer.last
    if segment is None or last is None:
        return None
    layer: Layer = segment.source
    if layer.clock.ntp_s is not None and clock.shift_s is not None:
        ntp_s = layer.clock.ntp_s + (now - layer.clock.received)
        timestamp = layer.clock.timestamp_at(ntp_s) or 0
        ntp_s += clock.shift_s
    else:
        newest = layer.newest or last
        ntp_s = now + config.ntp_offset_s
        ticks = round((now - newest.arrival) * layer.clock_rate_hz)
        timestamp = newest.timestamp + ticks
    return SenderReport(
        consumer.ssrc,
        ntp_bits(ntp_s),
        (timestamp + segment.timestamp) & 0xFFFFFFFF,
        consumer.packets,
        consumer.octets,
    )


def report_block(layer: Layer, now: float) -> ReportBlock | None:
    """What we tell the publisher about a layer; None before its first packet."""
    if layer.ssrc is None or not layer.reception.received:
        return None
    clock = layer.clock
    delay_s = now - clock.received if clock.report else 0.0
    return layer.reception.block(layer.ssrc, clock.report, delay_s)
