"""A drawn trace: publishers, viewers and control do all they can for some seconds.

`Trace` tells it to any forwarder; with `both.Both` it is the random part of the
comparison of the two planes.  A seed draws tracks (sound, plain, simulcast and scalable
video, several codecs), how their numbers begin (near their wraps), networks, and then
deed after deed: joins, leaves, moves, selections, new sources, jumps, silences.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    Selection,
    SetSelection,
    TransportKind,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import extensions, rtcp
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding
from support.forwarding import (
    H264,
    OPUS,
    PUBLISHER_EXTENSIONS,
    VIEWER_EXTENSIONS,
    VP8,
    Camera,
)
from support.trace_parts import REPAIRS, VP9, Downlink, ScalableCamera, Uplink

PUBLISHERS = (1, 2)
MESHED = 3
VIEWERS = tuple(range(10, 18))
TRACKS = range(1, 6)
SHAPES = ("vp8", "vp8", "simulcast", "simulcast", "h264", "vp9", "opus", "opus")
RIDS = ("a", "b", "c")
TICK_S = 0.01
WIDE = (*VIEWER_EXTENSIONS[:3], Extension(17, extensions.VIDEO_ORIENTATION))
UNNUMBERED = (VIEWER_EXTENSIONS[0], VIEWER_EXTENSIONS[1])


def viewer_codecs(chance: random.Random) -> tuple[Codec, ...]:
    """Codecs of one viewer under payload types of its own; sometimes not all."""
    known = [VP8, VP9, H264, OPUS]
    if chance.random() < 0.2:
        known.remove(chance.choice((VP8, VP9, H264)))
    repaired = chance.random() < 0.8
    return tuple(
        replace(
            codec,
            payload_type=codec.payload_type + 5,
            rtx_payload_type=codec.payload_type + 6 if repaired else None,
        )
        if codec is not OPUS
        else codec
        for codec in known
    )


class Trace:
    """One run over `make(config, random)`; `play` tells all of it."""

    def __init__(self, seed: int, make: Callable[..., Any]) -> None:
        self.chance = chance = random.Random(seed)
        small = ForwardingConfig(
            history_packets=chance.choice((60, 300)),
            history_bytes=chance.choice((60_000, 400_000)),
            consumers=24,
            ssrcs_per_transport=chance.choice((8, 64)),
        )
        config = small if chance.random() < 0.3 else ForwardingConfig()
        self.forwarder = make(config, random.Random(seed))
        self.now = chance.choice((0.0, 1.5, 1000.0, 81_234.567))
        self.uplinks: dict[int, tuple[int, list[Uplink]]] = {}
        self.downlinks: dict[int, Downlink] = {}
        self.agreed: dict[int, tuple[tuple[Codec, ...], tuple[Extension, ...]]] = {}
        self.watched: dict[int, int] = {}
        self.kinds: dict[int, MediaKind] = {}
        self.next_id = 1

    def play(self, seconds: float) -> None:
        """Begin with something to see, and then let everything happen."""
        for transport in PUBLISHERS:
            self.add_transport(transport, TransportKind.CLIENT)
        self.add_transport(MESHED, TransportKind.MESH)
        for track in TRACKS:
            self.publish(track)
        for viewer in VIEWERS[:3]:
            self.connect(viewer)
            self.watch(viewer)
            self.watch(viewer)
        for tick in range(round(seconds / TICK_S)):
            self.tick(tick)
            self.pass_time(self.chance.choice((TICK_S, TICK_S, 0.004, 0.017)))
        self.forwarder.stats(self.now)
        for transport in (*PUBLISHERS, MESHED, *VIEWERS):
            self.forwarder.remove_transport(TransportId(transport))
        self.pass_time(20.0)
        self.forwarder.stats(self.now)

    def tick(self, tick: int) -> None:
        for transport, uplinks in self.uplinks.values():
            for uplink in uplinks:
                pace = 2 if uplink.camera.codec is OPUS else 3
                if tick % pace == 0:
                    uplink.film(self.now)
                for packet in uplink.arrived(self.now):
                    self.forwarder.receive_rtp(TransportId(transport), packet, self.now)
        for viewer, downlink in self.downlinks.items():
            for packet in downlink.say(self.now):
                self.forwarder.receive_rtcp(TransportId(viewer), packet, self.now)
        if self.chance.random() < 0.15:
            with contextlib.suppress(StateError, LimitError):
                self.deed()
        self.drain()
        if tick % 25 == 0:
            self.forwarder.stats(self.now)

    def drain(self) -> None:
        """Flush and poll, timers that are due included, as a plane does."""
        forwarder, now = self.forwarder, self.now
        while True:
            for burst in forwarder.flush(now):
                if burst.transport in self.downlinks:
                    self.downlinks[burst.transport].carry(burst.packets, now)
            while forwarder.poll_resend() is not None:
                pass
            while (out := forwarder.poll_rtcp()) is not None:
                self.hear(*out)
            while forwarder.poll_event() is not None:
                pass
            due = forwarder.next_timeout()
            if due is None or due > now:
                return
            forwarder.handle_timeout(now)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.forwarder.next_timeout()) is not None and due <= end:
            self.now = max(self.now, due)
            self.drain()
        self.now = end

    def hear(self, transport: int, compound: bytes) -> None:
        """RTCP of the node reaches who it is for."""
        for packet in rtcp.parse(compound):
            if isinstance(packet, rtcp.SenderReport) and transport in self.downlinks:
                self.downlinks[transport].hear(packet, self.now)
            for ssrc in asked(packet):
                for _, uplinks in self.uplinks.values():
                    for uplink in uplinks:
                        if uplink.camera.ssrc == ssrc:
                            uplink.hear(packet, self.now)

    def add_transport(self, transport: int, kind: TransportKind) -> None:
        bitrate_bps = self.chance.choice((0, 0, 300_000, 20_000_000))
        self.forwarder.add_transport(
            TransportId(transport), kind, start_bitrate_bps=bitrate_bps
        )
        if kind is TransportKind.CLIENT:
            self.forwarder.set_sending(TransportId(transport), True, self.now)

    def connect(self, viewer: int) -> None:
        chance = self.chance
        self.add_transport(viewer, TransportKind.CLIENT)
        chosen = chance.choice((VIEWER_EXTENSIONS, VIEWER_EXTENSIONS, WIDE, UNNUMBERED))
        self.agreed[viewer] = viewer_codecs(chance), chosen
        self.downlinks[viewer] = Downlink(
            chance,
            viewer,
            rate_bps=chance.choice((3e5, 1e6, 4e6, 1e8, 1e8)),
            loss=chance.choice((0.0, 0.0, 0.03, 0.2)),
            numbered=chosen is not UNNUMBERED,
        )

    def publish(self, track: int) -> None:
        """A track with cameras, networks and a way to be recognised, all drawn."""
        chance = self.chance
        shape = chance.choice(SHAPES)
        owner = chance.choice((*PUBLISHERS, *PUBLISHERS, MESHED))
        rids = RIDS if shape == "simulcast" else ()
        declared = not rids and chance.random() < 0.4
        mid = str(track)
        uplinks = [self.uplink(shape, mid, rid, declared) for rid in rids or ("",)]
        ssrcs: tuple[SsrcBinding, ...] = ()
        if declared:
            ssrc = uplinks[0].camera.ssrc
            ssrcs = SsrcBinding(ssrc), SsrcBinding(ssrc ^ REPAIRS, repairs=ssrc)
        elif shape == "opus" and chance.random() < 0.5:
            uplinks[0].camera.mid = None  # only its payload type tells
        kind = MediaKind.AUDIO if shape == "opus" else MediaKind.VIDEO
        codecs = (OPUS,) if shape == "opus" else self.codecs(uplinks[0].camera.codec)
        numbered = chance.random() < 0.7
        known = [
            extension
            for extension in PUBLISHER_EXTENSIONS
            if numbered or extension.uri != extensions.TRANSPORT_SEQUENCE
        ]
        self.forwarder.program(
            AddProducer(
                ProducerId(track),
                TransportId(owner),
                kind,
                mid,
                codecs,
                tuple(known),
                rids,
                ssrcs,
            ),
            self.now,
        )
        self.kinds[track] = kind
        self.uplinks[track] = owner, uplinks

    def codecs(self, first: Codec) -> tuple[Codec, ...]:
        """The camera's codec, and others that it might change to."""
        others = tuple(codec for codec in (VP8, VP9, H264) if codec is not first)
        return (first, *others) if self.chance.random() < 0.5 else (first,)

    def uplink(self, shape: str, mid: str, rid: str, declared: bool) -> Uplink:
        chance = self.chance
        given: dict[str, Any] = {
            "ssrc": chance.randrange(1 << 32),
            "mid": None if declared else mid,
            "rid": rid or None,
            "sequence": chance.choice((1, 32_000, 65_400, chance.randrange(1 << 16))),
            "timestamp": chance.choice((0, 2**32 - 90_000, chance.randrange(1 << 32))),
            "picture_id": chance.choice((0, 0x7FF0, chance.randrange(1 << 15))),
            "tl0": chance.randrange(256),
            "temporal": chance.choice((1, 1, 2)),
            "size": chance.choice((300, 2_000, 9_000))
            * (1 + 2 * RIDS.index(rid or "a")),
            "transport_sequence": chance.choice((None, 65_500, 7)),
        }
        if shape == "vp9":
            camera: Camera = ScalableCamera(
                spatial=chance.choice((1, 2, 3)), **given | {"size": 900}
            )
        elif shape == "opus":
            camera = Camera(codec=OPUS, **given | {"size": 80, "fps": 50})
        else:
            camera = Camera(codec=H264 if shape == "h264" else VP8, **given)
        return Uplink(
            chance,
            camera,
            loss=chance.choice((0.0, 0.0, 0.02, 0.1)),
            swap=chance.choice((0.0, 0.03, 0.2)),
            double=chance.choice((0.0, 0.02)),
            delay_s=0.0,
            repairs=chance.random() < 0.7,
        )

    def watch(self, viewer: int) -> None:
        chance = self.chance
        track = chance.choice(TRACKS)
        codecs, chosen = self.agreed[viewer]
        repaired = any(codec.rtx_payload_type for codec in codecs)
        number = self.next_id
        self.next_id += 1
        ssrc = 0x50000000 + number
        self.forwarder.program(
            AddConsumer(
                ConsumerId(number),
                ProducerId(track),
                TransportId(viewer),
                self.kinds.get(track, MediaKind.VIDEO),
                chance.choice(("v", "video-17")),
                ssrc,
                ssrc + 0x1000000 if repaired and chance.random() < 0.9 else None,
                codecs,
                chosen,
                self.selection(),
                chance.randrange(1 << 15),
                chance.randrange(1 << 32),
            ),
            self.now,
        )
        self.watched[number] = viewer

    def selection(self) -> Selection:
        chance = self.chance
        caps = chance.choice((None, None, 0, 1)), chance.choice((None, None, 0, 1))
        rid = chance.choice((None, None, None, *RIDS))
        return Selection(rid, *caps, paused=chance.random() < 0.1)

    def deed(self) -> None:
        """One change at random, of control, of a publisher, or of a network."""
        self.chance.choice(
            (
                self.join,
                self.join,
                self.leave,
                self.move,
                self.select,
                self.select,
                self.republish,
                self.ask,
                self.resource,
                self.report,
                self.report,
                self.weather,
                self.nonsense,
                self.stop,
            )
        )()

    def join(self) -> None:
        viewer = self.chance.choice(VIEWERS)
        if viewer not in self.downlinks:
            self.connect(viewer)
        self.watch(viewer)

    def leave(self) -> None:
        consumer = self.chance.choice([*self.watched, 0])
        self.watched.pop(consumer, None)
        if consumer and self.chance.random() < 0.2:
            viewer = self.chance.choice(VIEWERS)
            self.downlinks.pop(viewer, None)
            self.forwarder.remove_transport(TransportId(viewer))
        self.forwarder.program(RemoveConsumer(ConsumerId(consumer)), self.now)

    def move(self) -> None:
        consumer = ConsumerId(self.chance.choice([*self.watched, 0]))
        track = ProducerId(self.chance.choice(TRACKS))
        self.forwarder.program(MoveConsumer(consumer, track), self.now)

    def select(self) -> None:
        consumer = ConsumerId(self.chance.choice([*self.watched, 0]))
        self.forwarder.program(SetSelection(consumer, self.selection()), self.now)

    def republish(self) -> None:
        """A track ends, and perhaps comes back under its id."""
        track = self.chance.choice(TRACKS)
        if track in self.uplinks:
            del self.uplinks[track]
            self.forwarder.program(RemoveProducer(ProducerId(track)), self.now)
        if self.chance.random() < 0.8:
            self.publish(track)
            for consumer in [*self.watched][:3]:
                move = MoveConsumer(ConsumerId(consumer), ProducerId(track))
                self.forwarder.program(move, self.now)

    def ask(self) -> None:
        track = ProducerId(self.chance.choice(TRACKS))
        self.forwarder.program(RequestKeyFrame(track), self.now)

    def resource(self) -> None:
        """A source says farewell, or goes on elsewhere, under other numbers."""
        chance = self.chance
        owner, uplinks = chance.choice(list(self.uplinks.values()))
        camera = chance.choice(uplinks).camera
        match chance.randrange(4):
            case 0:
                bye = rtcp.Bye((camera.ssrc,), b"gone").encode()
                self.forwarder.receive_rtcp(TransportId(owner), bye, self.now)
            case 1:
                camera.ssrc = chance.randrange(1 << 32)
                camera.asked = True
            case 2:
                camera.sequence = chance.randrange(1 << 16)
                camera.timestamp = chance.randrange(1 << 32)
            case _:
                camera.asked = True

    def report(self) -> None:
        """Sender reports of a publisher, on one clock or on two."""
        chance = self.chance
        for owner, uplinks in self.uplinks.values():
            skew_s = chance.choice((0.0, 0.0, 0.0, 0.2, 3.0))
            for uplink in uplinks:
                said = uplink.camera.report(3.9e9 + self.now + skew_s)
                self.forwarder.receive_rtcp(TransportId(owner), said, self.now)

    def weather(self) -> None:
        """A path gets better or worse; one cannot be sent to for a while."""
        chance = self.chance
        if self.downlinks and chance.random() < 0.7:
            downlink = chance.choice(list(self.downlinks.values()))
            downlink.rate_bps = chance.choice((1e5, 1e6, 1e8))
            downlink.loss = chance.choice((0.0, 0.05))
            return
        transport = TransportId(chance.choice(VIEWERS))
        self.forwarder.measured(transport, chance.choice((None, 0.03)))
        self.forwarder.set_sending(transport, chance.random() < 0.7, self.now)

    def nonsense(self) -> None:
        """Octets that mean nothing, or not what they should."""
        chance = self.chance
        transport = TransportId(chance.choice((*PUBLISHERS, 99)))
        noise = chance.randbytes(chance.randrange(80))
        if chance.random() < 0.7:
            camera = Camera(ssrc=chance.randrange(9), mid=chance.choice((None, "1")))
            packet = bytearray(camera.frame(key=False)[0])
            packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
            noise = bytes(packet[: chance.randrange(len(packet))])
        self.forwarder.receive_rtp(transport, noise, self.now)

    def stop(self) -> None:
        """A camera falls silent for good, or all is silent for a while."""
        if self.chance.random() < 0.3:
            self.pass_time(self.chance.choice((0.7, 2.5, 6.0)))
            return
        _, uplinks = self.chance.choice(list(self.uplinks.values()))
        if len(uplinks) > 1:
            uplinks.remove(self.chance.choice(uplinks))


def asked(packet: rtcp.RtcpPacket) -> list[int]:
    """The sources of which a request wants something."""
    if isinstance(packet, rtcp.Nack | rtcp.PictureLossIndication):
        return [packet.media_ssrc]
    if isinstance(packet, rtcp.FullIntraRequest):
        return [ssrc for ssrc, _ in packet.entries]
    return []
