"""A light viewer that counts; optionally one that reports as browsers do.

It decrypts one RTP packet in `SAMPLING`.  With `feedback` it reads the transport-wide
number from the clear header of every packet, sends transport-wide feedback ten times a
second and receiver reports once (draft-holmer-rmcat-transport-wide-cc-extensions-01;
RFC 3550 section 6.4.2).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.load import PAYLOAD_TYPES, SAMPLING, Ages, drain, tune
from meshproto.errors import DecodeError
from meshproto.forwarding.feedback import ArrivalRecorder
from meshproto.wire import extensions, rtcp, rtp
from meshproto.wire.rtcp_reports import compact_ntp
from support.light_client import LightClient

FEEDBACK_S = 0.1
REPORT_S = 1.0
TRANSPORT_SEQUENCE_ID = 3
_SSRC = 1


class Viewer(LightClient):
    """`ages` gets the ages of the sample; `packets` counts all."""

    def __init__(self, *arguments: Any, ages: Ages, feedback: bool, **named: Any):
        super().__init__(*arguments, **named)
        self._ages = ages
        self.reporter = Reporter(self) if feedback else None

    def close(self, *, quietly: bool = False) -> None:
        """See `LightClient.close`."""
        if self.reporter is not None:
            self.reporter.stop()
        super().close(quietly=quietly)

    def _open(self, source: str) -> None:
        super()._open(source)
        # no GRO: see the package's essay
        self._socket.setsockopt(17, 104, 0)
        tune(self._socket)

    def _readable(self) -> None:
        for data, arrived in drain(self._socket, self._take):
            if not 128 <= data[0] < 192 or 192 <= data[1] < 224:
                if self._loop is not None:
                    self._datagram(data)
                continue
            if self.reporter is not None:
                self.reporter.note(data, arrived)
            if self.packets % SAMPLING == 0 and self.inbound is not None:
                self._inspect(data, arrived)

    def _take(self, data: bytes) -> bool:
        if not 128 <= data[0] < 192 or 192 <= data[1] < 224:
            return True
        self.packets += 1
        return self.reporter is not None or self.packets % SAMPLING == 0

    def _inspect(self, data: bytes, arrived: float) -> None:
        assert self.inbound is not None
        try:
            plain = self.inbound.unprotect(data)
        except DecodeError as error:
            self.counters[error.reason] += 1
            return
        view = rtp.parse(plain)
        if view.payload_type in PAYLOAD_TYPES.values():  # no probe, no retransmission
            self._ages.note(rtp.payload(plain, view), arrived)


class Reporter:
    """What a viewer tells the sender; runs until `stop`."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._arrivals = ArrivalRecorder()
        self._highest: dict[int, int] = {}
        self._last: dict[int, tuple[int, float]] = {}
        viewer.on_rtcp = self._heard
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Say nothing more."""
        self._task.cancel()

    def note(self, data: bytes, arrived: float) -> None:
        """One protected RTP packet came; its header is clear."""
        # a padded packet's count of padding is encrypted: leave the P bit out
        view = rtp.parse(bytes((data[0] & 0xDF,)) + data[1:])
        self._highest[view.ssrc] = view.sequence
        for identifier, start, length in extensions.spans(
            data, view.extension_profile, view.extension_offset, view.extension_length
        ):
            if identifier == TRANSPORT_SEQUENCE_ID and length == 2:
                self._arrivals.record(data[start] << 8 | data[start + 1], arrived)

    def _heard(self, compound: bytes) -> None:
        for packet in rtcp.parse(compound):
            if isinstance(packet, rtcp.SenderReport):
                stamp = compact_ntp(packet.ntp_time), time.monotonic()
                self._last[packet.ssrc] = stamp

    async def _run(self) -> None:
        report_at = time.monotonic() + REPORT_S
        while True:
            await asyncio.sleep(FEEDBACK_S)
            if self._viewer.outbound is None:
                continue
            media = next(iter(self._highest), 0)
            for packet in self._arrivals.take(_SSRC, media):
                self._viewer.send_rtcp(packet)
            if time.monotonic() >= report_at:
                report_at += REPORT_S
                self._viewer.send_rtcp(self._report().encode())

    def _report(self) -> rtcp.ReceiverReport:
        now = time.monotonic()
        blocks = []
        for ssrc, sequence in self._highest.items():
            stamp, heard = self._last.get(ssrc, (0, now))
            delay = int((now - heard) * 65536)
            blocks.append(
                rtcp.ReportBlock(
                    ssrc, highest_sequence=sequence, last_report=stamp, delay=delay
                )
            )
        return rtcp.ReceiverReport(_SSRC, tuple(blocks))
