"""A publisher, viewers and time for tests of `meshproto.forwarding`, all of them pure.

`Rig` drives a `Forwarder` as a plane would: batches in, one flush, all polls, timers at
their deadlines.  `Camera` makes RTP of any codec that the descriptors know, frame by
frame; a `Viewer` reads what a transport was sent back into packets.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.events import ForwardingEvent
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.outputs import Burst, OutPacket, Resend
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    Selection,
    TransportKind,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import extensions, rtcp, rtp, twcc
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding

FEEDBACK = ("nack", "nack pli", "transport-cc", "goog-remb")
VP8 = Codec(96, "vp8", 90000, rtx_payload_type=97, feedback=FEEDBACK)
VP9 = Codec(98, "vp9", 90000, rtx_payload_type=99, feedback=FEEDBACK)
H264 = Codec(102, "h264", 90000, rtx_payload_type=103, feedback=FEEDBACK)
OPUS = Codec(111, "opus", 48000, 2)
VIEWER_VP8 = Codec(120, "vp8", 90000, rtx_payload_type=124, feedback=FEEDBACK)
PUBLISHER_EXTENSIONS = (
    Extension(2, extensions.ABS_SEND_TIME),
    Extension(3, extensions.TRANSPORT_SEQUENCE),
    Extension(9, extensions.MID),
    Extension(10, extensions.RID),
    Extension(11, extensions.REPAIRED_RID),
    Extension(13, extensions.VIDEO_ORIENTATION),
)
VIEWER_EXTENSIONS = (
    Extension(1, extensions.MID),
    Extension(4, extensions.ABS_SEND_TIME),
    Extension(5, extensions.TRANSPORT_SEQUENCE),
    Extension(7, extensions.VIDEO_ORIENTATION),
)


@dataclass
class Camera:
    """One encoding: `frame` gives the packets of the next frame.

    VP8 by default, `key_every` frames a key frame, `temporal` layers, `size` octets in
    a delta frame and eight times as much in a key frame.
    """

    ssrc: int = 0x1111
    codec: Codec = VP8
    mid: str | None = None
    rid: str | None = None
    sequence: int = 1000
    timestamp: int = 50_000
    picture_id: int = 100
    tl0: int = 10
    key_every: int = 0
    fps: int = 30
    size: int = 2_000
    mtu: int = 1_100
    temporal: int = 1
    transport_sequence: int | None = None
    frames: int = 0
    asked: bool = True
    serial: int = 0

    def frame(self, key: bool | None = None) -> list[bytes]:
        """The next frame; `key` None: when asked for, or every `key_every` frames."""
        if key is None:
            key = self.asked or bool(
                self.key_every and self.frames % self.key_every == 0
            )
        self.asked = False
        tid = 0 if key or self.temporal == 1 else self.frames % 2
        if key:
            self.frames = 0
        if not tid:
            self.tl0 += 1
        left = self.size * (8 if key else 1)
        packets: list[bytes] = []
        while left > 0:
            some = min(left, self.mtu)
            left -= some
            packets.append(self.packet(some, not packets, left <= 0, key, tid))
        self.frames += 1
        self.picture_id = self.picture_id + 1 & 0x7FFF
        self.timestamp = self.timestamp + self.codec.clock_rate_hz // self.fps
        return packets

    def packet(
        self, size: int, first: bool, last: bool, key: bool = False, tid: int = 0
    ) -> bytes:
        """One packet with the next sequence number."""
        payload = self.payload(size, first, key, tid)
        built = rtp.build(
            self.codec.payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc,
            payload,
            marker=last,
            extensions=self._extensions(),
        )
        self.sequence = self.sequence + 1 & 0xFFFF
        return built

    def payload(self, size: int, first: bool, key: bool, tid: int) -> bytes:
        """A payload of `size` octets: a true descriptor, and a number of its own in the
        last eight.
        """
        self.serial += 1
        fill = bytes(size) + (self.ssrc << 32 | self.serial).to_bytes(8, "big")
        if self.codec.name == "vp8":
            head = bytes((0x90 if first else 0x80, 0xE0))
            head += (0x8000 | self.picture_id).to_bytes(2, "big")
            sync = 0x20 if tid else 0
            head += bytes((self.tl0 & 0xFF, tid << 6 | sync))
            head += bytes((0x00 if key else 0x01,))
        elif self.codec.name == "h264":
            kind = 5 if key else 1
            head = bytes((0x7C, (0x80 if first else 0) | kind, 0x80))
        else:
            head = b""
        return head + fill[len(head) + 8 :]

    def _extensions(self) -> list[tuple[int, bytes]]:
        elements: list[tuple[int, bytes]] = []
        if self.mid is not None:
            elements.append((9, self.mid.encode()))
        if self.rid is not None:
            elements.append((10, self.rid.encode()))
        if self.transport_sequence is not None:
            elements.append((3, (self.transport_sequence & 0xFFFF).to_bytes(2, "big")))
            self.transport_sequence += 1
        return elements

    def report(self, ntp_s: float, timestamp: int | None = None) -> bytes:
        """A sender report for the coming frame."""
        at = self.timestamp if timestamp is None else timestamp
        return rtcp.SenderReport(
            self.ssrc, int(ntp_s * 2**32), at & 0xFFFFFFFF, 0, 0
        ).encode()


@dataclass
class Received:
    """A packet as a viewer reads it."""

    at: float
    view: rtp.RtpView
    payload: bytes
    index: int
    elements: dict[int, bytes]
    wire: bytes


def read(out: OutPacket, at: float) -> Received:
    """Parse what was sent, as the far end would."""
    header, payload, ssrc, index = out
    wire = header + payload
    view = rtp.parse(wire)
    assert view.ssrc == ssrc
    assert view.sequence == index & 0xFFFF
    spans = extensions.spans(
        wire, view.extension_profile, view.extension_offset, view.extension_length
    )
    elements = {i: wire[start : start + length] for i, start, length in spans}
    return Received(at, view, rtp.payload(wire, view), index, elements, wire)


@dataclass
class Rig:
    """A forwarder with time; `got[transport]` is what each was sent, in order."""

    config: ForwardingConfig = field(default_factory=ForwardingConfig)
    now: float = 1000.0
    seed: int = 1

    def __post_init__(self) -> None:
        self.forwarder = Forwarder(self.config, random.Random(self.seed))
        self.got: dict[int, list[Received]] = defaultdict(list)
        self.sizes: dict[int, list[int]] = defaultdict(list)
        self.rtcp: dict[int, list[tuple[float, rtcp.RtcpPacket]]] = defaultdict(list)
        self.nonces: set[tuple[int, int, int]] = set()
        self.resends: list[Resend] = []
        self.events: list[ForwardingEvent] = []

    def client(self, number: int, *, sending: bool = True, bitrate_bps: int = 0) -> int:
        """A client transport that can be sent to."""
        transport = TransportId(number)
        self.forwarder.add_transport(
            transport, TransportKind.CLIENT, start_bitrate_bps=bitrate_bps
        )
        if sending:
            self.forwarder.set_sending(transport, True, self.now)
        return number

    def publish(
        self,
        producer: int,
        transport: int,
        *codecs: Codec,
        mid: str = "",
        rids: Sequence[str] = (),
        ssrcs: Sequence[SsrcBinding] = (),
        plain: bool = False,
    ) -> None:
        """Add a producer; `plain` without header extensions."""
        kind = MediaKind.AUDIO if codecs[0].name == "opus" else MediaKind.VIDEO
        self.forwarder.program(
            AddProducer(
                ProducerId(producer),
                TransportId(transport),
                kind,
                mid,
                tuple(codecs),
                () if plain else PUBLISHER_EXTENSIONS,
                tuple(rids),
                tuple(ssrcs),
            ),
            self.now,
        )

    def watch(
        self,
        consumer: int,
        producer: int,
        transport: int,
        *codecs: Codec,
        rtx: bool = True,
        selection: Selection | None = None,
        plain: bool = False,
        sequence: int = 0,
        timestamp: int = 0,
    ) -> int:
        """Add a consumer; its SSRC is the answer."""
        ssrc = 0x50000000 + consumer
        kind = MediaKind.AUDIO if codecs[0].name == "opus" else MediaKind.VIDEO
        self.forwarder.program(
            AddConsumer(
                ConsumerId(consumer),
                ProducerId(producer),
                TransportId(transport),
                kind,
                "v",
                ssrc,
                ssrc + 0x1000000 if rtx else None,
                tuple(codecs),
                () if plain else VIEWER_EXTENSIONS,
                selection or Selection(),
                sequence,
                timestamp,
            ),
            self.now,
        )
        self.drain()
        return ssrc

    def send(self, transport: int, *packets: bytes) -> None:
        """A batch of RTP arrives."""
        for packet in packets:
            self.forwarder.receive_rtp(TransportId(transport), packet, self.now)
        self.drain()

    def tell(self, transport: int, *packets: rtcp.RtcpPacket | bytes) -> None:
        """RTCP arrives."""
        for packet in packets:
            data = packet if isinstance(packet, bytes) else packet.encode()
            self.forwarder.receive_rtcp(TransportId(transport), data, self.now)
        self.drain()

    def drain(self) -> None:
        """Flush and poll, timers that are due included."""
        forwarder = self.forwarder
        while True:
            for burst in forwarder.flush(self.now):
                self._spend_nonces(burst)
                got = self.got[burst.transport]
                got += [read(packet, self.now) for packet in burst.packets]
                self.sizes[burst.transport].append(len(burst.packets))
            while (resend := forwarder.poll_resend()) is not None:
                self.resends.append(resend)
            while (out := forwarder.poll_rtcp()) is not None:
                for packet in rtcp.parse(out[1]):
                    self.rtcp[out[0]].append((self.now, packet))
            while (event := forwarder.poll_event()) is not None:
                self.events.append(event)
            due = forwarder.next_timeout()
            if due is None or due > self.now:
                return
            forwarder.handle_timeout(self.now)

    def _spend_nonces(self, burst: Burst) -> None:
        """No packet index may come twice under one key (RFC 3711 section 9.1)."""
        for _, _, ssrc, index in burst.packets:
            nonce = (burst.transport, ssrc, index)
            assert nonce not in self.nonces, f"nonce reused: {nonce}"
            assert 0 <= index < 1 << 48
            self.nonces.add(nonce)

    def pass_time(self, seconds: float) -> None:
        """Let timers fire until `seconds` have passed."""
        end = self.now + seconds
        while (due := self.forwarder.next_timeout()) is not None and due <= end:
            self.now = max(self.now, due)
            self.drain()
        self.now = end

    def roll(self, transport: int, camera: Camera, seconds: float) -> None:
        """Film for a while, frame by frame, timers in between."""
        for _ in range(round(seconds * camera.fps)):
            self.send(transport, *camera.frame())
            self.pass_time(1 / camera.fps)

    def media(self, transport: int, ssrc: int) -> list[Received]:
        """What a transport got under `ssrc`, in order of sending."""
        return [packet for packet in self.got[transport] if packet.view.ssrc == ssrc]

    def asked(self, transport: int, kind: type) -> list[float]:
        """When RTCP packets of `kind` were sent to the transport."""
        return [at for at, packet in self.rtcp[transport] if isinstance(packet, kind)]


@dataclass
class Path:
    """The way to a viewer: a queue that drains at `rate_bps`, then `delay_s`.

    What does not fit `queue_s` is lost, and every `lose`-th packet too.  The viewer
    answers with transport-wide feedback every 50 ms and a receiver report every second,
    and asks for lost packets once, as browsers do.
    """

    rig: Rig
    transport: int
    rate_bps: float = 100e6
    delay_s: float = 0.01
    queue_s: float = 0.3
    lose: int = 0
    element: int = 5
    free_at: float = 0.0
    seen: int = 0
    sent: int = 0
    highest: int = -1
    arrivals: list[tuple[int, int | None]] = field(default_factory=list)
    arrived: list[Received] = field(default_factory=list)
    queues: list[float] = field(default_factory=list)
    next_feedback: float = 0.0
    next_report: float = 0.0
    lost_since: int = 0
    got_since: int = 0

    def carry(self) -> None:
        """Take what was sent since the last time over the path, and give feedback."""
        packets = self.rig.got[self.transport][self.seen :]
        self.seen += len(packets)
        for packet in packets:
            self._one(packet)
        now = self.rig.now
        self.queues.append(max(0.0, self.free_at - now))
        if now >= self.next_feedback:
            self.next_feedback = now + 0.05
            self._feedback(now)
        if now >= self.next_report:
            self.next_report = now + 1.0
            self._report()

    def _one(self, packet: Received) -> None:
        self.sent += 1
        start = max(packet.at, self.free_at)
        number = int.from_bytes(packet.elements.get(self.element, b""), "big")
        if start - packet.at > self.queue_s or (
            self.lose and self.sent % self.lose == 0
        ):
            self.lost_since += 1
            self.arrivals.append((number, None))
            return
        self.got_since += 1
        self.free_at = start + (len(packet.wire) + 44) * 8 / self.rate_bps
        arrival_us = int((self.free_at + self.delay_s) * 1e6)
        self.arrivals.append((number, arrival_us))
        self.arrived.append(
            Received(
                self.free_at + self.delay_s,
                packet.view,
                packet.payload,
                packet.index,
                packet.elements,
                packet.wire,
            )
        )

    def _feedback(self, now: float) -> None:
        """What has arrived by now; later ones wait for the next feedback."""
        limit = int(now * 1e6)
        ready = 0
        for _, arrival in self.arrivals:
            if arrival is not None and arrival > limit:
                break
            ready += 1
        some, self.arrivals = self.arrivals[:ready], self.arrivals[ready:]
        while some and some[-1][1] is None:
            self.arrivals.insert(0, some.pop())
        if some:
            packet, taken = twcc.build(9, 0, 0, some)
            assert taken == len(some)
            self.rig.tell(self.transport, packet)

    def _report(self) -> None:
        total = self.lost_since + self.got_since
        fraction = min(255, 256 * self.lost_since // total) if total else 0
        self.lost_since = self.got_since = 0
        ssrcs = {packet.view.ssrc for packet in self.arrived[-50:]}
        blocks = tuple(rtcp.ReportBlock(ssrc, fraction) for ssrc in sorted(ssrcs))
        self.rig.tell(self.transport, rtcp.ReceiverReport(9, blocks))
