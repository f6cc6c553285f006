"""The two networks of a drawn trace: from a publisher to the node, and on to a viewer.

Both are as rude as networks and other software can be: what arrives is late, missing or
doubled; what is reported is true, repeated, or made up.  Everything is drawn from one
generator, so a seed tells the whole story.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

from meshproto.forwarding.outputs import OutPacket
from meshproto.wire import extensions, rtcp, rtp, rtx, twcc
from support.forwarding import Camera

REPAIRS = 0x0F000000


@dataclass
class Uplink:
    """From a camera to the node, and what the publisher repeats when it is asked."""

    chance: random.Random
    camera: Camera
    loss: float
    swap: float
    double: float
    repairs: bool
    waiting: list[tuple[float, int, bytes]] = field(default_factory=list)
    sent: dict[int, bytes] = field(default_factory=dict)
    count: int = 0
    rtx_sequence: int = 0

    def film(self, now: float) -> None:
        """The next frame sets out."""
        for packet in self.camera.frame():
            number = int.from_bytes(packet[2:4], "big")
            self.sent[number] = packet
            if len(self.sent) > 600:
                del self.sent[next(iter(self.sent))]
            self.post(packet, now)

    def post(self, packet: bytes, now: float) -> None:
        """A packet sets out."""
        chance = self.chance
        if chance.random() < self.loss:
            return
        late_s = chance.random() * 0.08 if chance.random() < self.swap else 0.0
        for _ in range(1 + (chance.random() < self.double)):
            self.count += 1
            heapq.heappush(self.waiting, (now + late_s, self.count, packet))

    def arrived(self, now: float) -> list[bytes]:
        """What is here by now."""
        packets = []
        while self.waiting and self.waiting[0][0] <= now:
            packets.append(heapq.heappop(self.waiting)[2])
        return packets

    def hear(self, packet: rtcp.RtcpPacket, now: float) -> None:
        """The node asks for packets or a key frame."""
        if isinstance(packet, rtcp.Nack):
            for number in packet.lost():
                self.repeat(number, now)
        elif self.chance.random() < 0.8:
            self.camera.asked = True

    def repeat(self, number: int, now: float) -> None:
        packet = self.sent.get(number)
        if packet is None or self.chance.random() < 0.2:
            return
        if self.repairs and self.camera.codec.rtx_payload_type is not None:
            self.rtx_sequence = self.rtx_sequence + 1 & 0xFFFF
            ssrc = self.camera.ssrc ^ REPAIRS
            kind = self.camera.codec.rtx_payload_type
            packet = rtx.wrap(packet, ssrc, kind, self.rtx_sequence)
        self.post(packet, now + 0.02)


@dataclass
class Downlink:
    """From the node to a viewer, and the viewer's RTCP: a queue that may overflow.

    `numbered`: the viewer reports per transport-wide number, else by REMB.
    """

    chance: random.Random
    transport: int
    rate_bps: float
    loss: float
    numbered: bool
    element: int = 5
    free_at: float = 0.0
    counts: dict[int, list[int]] = field(default_factory=dict)
    missing: dict[int, list[int]] = field(default_factory=dict)
    arrivals: list[tuple[int, int | None]] = field(default_factory=list)
    next_feedback: float = 0.0
    next_report: float = 0.0
    heard: tuple[int, float] = (0, 0.0)

    def carry(self, packets: list[OutPacket], now: float) -> None:
        """A burst of the node travels."""
        for header, payload, ssrc, _ in packets:
            wire = header + payload
            sequence = int.from_bytes(header[2:4], "big")
            start = max(now, self.free_at)
            lost = start - now > 0.3 or self.chance.random() < self.loss
            count = self.counts.setdefault(ssrc, [0, 0])
            count[lost] += 1
            if lost:
                self.missing.setdefault(ssrc, []).append(sequence)
            else:
                self.free_at = start + (len(wire) + 44) * 8 / self.rate_bps
            if self.numbered and (number := self.number_of(wire)) is not None:
                arrival_us = None if lost else int((self.free_at + 0.01) * 1e6)
                self.arrivals.append((number, arrival_us))

    def number_of(self, wire: bytes) -> int | None:
        """The transport-wide number, where the packet has one."""
        view = rtp.parse(wire)
        for identifier, start, length in extensions.spans(
            wire, view.extension_profile, view.extension_offset, view.extension_length
        ):
            if identifier == self.element:
                return int.from_bytes(wire[start : start + length], "big")
        return None

    def hear(self, report: rtcp.SenderReport, now: float) -> None:
        """A sender report came: the next receiver report will quote it."""
        self.heard = (rtcp.compact_ntp(report.ntp_time), now)

    def say(self, now: float) -> list[bytes]:
        """What the viewer sends now."""
        said: list[bytes] = []
        if now >= self.next_feedback:
            self.next_feedback = now + 0.05
            said += self.feedback()
            said += self.nacks()
        if now >= self.next_report:
            self.next_report = now + self.chance.choice((0.3, 1.0))
            said += self.reports(now)
        if self.chance.random() < 0.02:
            said.append(self.nonsense())
        return said

    def feedback(self) -> list[bytes]:
        """Transport-wide feedback, or none where it got lost."""
        some, self.arrivals = self.arrivals, []
        if not some or self.chance.random() < 0.1:
            return []
        if self.chance.random() < 0.05:
            self.chance.shuffle(some)
        said = []
        while some:
            packet, taken = twcc.build(9, 0, 0, some)
            said.append(packet)
            del some[:taken]
        return said

    def nacks(self) -> list[bytes]:
        """What is missing is asked for, often more than once, sometimes much more."""
        chance, said = self.chance, []
        for ssrc, numbers in self.missing.items():
            if numbers and chance.random() < 0.7:
                said.append(rtcp.Nack.of(9, ssrc, numbers[-60:]).encode())
            if chance.random() < 0.3:
                numbers.clear()
            if chance.random() < 0.01:
                first = chance.randrange(65536)
                storm = [first + step & 0xFFFF for step in range(300)]
                said.append(rtcp.Nack.of(9, ssrc, storm).encode())
        return said

    def reports(self, now: float) -> list[bytes]:
        """A receiver report about everything, and perhaps a wish."""
        blocks = []
        for ssrc, count in list(self.counts.items())[:31]:
            fraction = min(255, 256 * count[1] // max(1, sum(count)))
            delay = int(max(0.0, now - self.heard[1] - 0.02) * 65536)
            report = rtcp.ReportBlock(ssrc, fraction, 0, 0, 0, self.heard[0], delay)
            blocks.append(report)
            count[:] = [0, 0]
        said = [rtcp.ReceiverReport(9, tuple(blocks)).encode()] if blocks else []
        if not self.numbered and self.chance.random() < 0.7:
            remb = int(self.rate_bps * self.chance.uniform(0.5, 1.2))
            said.append(rtcp.BitrateEstimate(9, remb, tuple(self.counts)[:5]).encode())
        return said

    def nonsense(self) -> bytes:
        """A wish for a key frame, or what nobody asked for."""
        chance = self.chance
        ssrc = chance.choice([*self.counts, 77])
        return chance.choice(
            (
                rtcp.PictureLossIndication(9, ssrc).encode(),
                rtcp.FullIntraRequest(9, 0, ((ssrc, 3),)).encode(),
                rtcp.Bye((ssrc,)).encode(),
                rtcp.ReceiverReport(9, (rtcp.ReportBlock(ssrc, 200),)).encode(),
                chance.randbytes(chance.randrange(60)),
            )
        )
