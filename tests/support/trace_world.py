"""The stage of a drawn trace: time, networks, and a forwarder between them.

`World` drives any forwarder as a plane does, and carries what it sends to viewers that
answer; what happens on the stage is told by `trace.Trace`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.table import AddConsumer, TransportKind
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import rtcp
from meshproto.wire.parameters import Codec, Extension, MediaKind
from support import trace_cast as cast
from support.forwarding import OPUS
from support.trace_parts import Downlink, Uplink

PUBLISHERS = (1, 2)
MESHED = 3


class World:
    """Tables of who is there, over `make(config, random)`."""

    def __init__(self, seed: int, make: Callable[..., Any]) -> None:
        self.chance = chance = random.Random(seed)
        small = ForwardingConfig(
            history_packets=chance.choice((60, 300)),
            history_bytes=chance.choice((60_000, 400_000)),
            cache_packets=chance.choice((100, 1_000)),
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
        self.heard: dict[ProducerId, int] = {}
        self.next_id = 1

    def film(self, tick: int) -> None:
        """Frames set out, and what has arrived is taken in."""
        for transport, uplinks in self.uplinks.values():
            for uplink in uplinks:
                pace = 2 if uplink.camera.codec is OPUS else 3
                if tick % pace == 0:
                    uplink.film(self.now)
                for packet in uplink.arrived(self.now):
                    self.forwarder.receive_rtp(TransportId(transport), packet, self.now)

    def listen(self) -> None:
        """What viewers say is taken in."""
        for viewer, downlink in self.downlinks.items():
            for packet in downlink.say(self.now):
                self.forwarder.receive_rtcp(TransportId(viewer), packet, self.now)

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
        """A viewer and its path."""
        chance = self.chance
        self.add_transport(viewer, TransportKind.CLIENT)
        chosen = cast.viewer_extensions(chance)
        self.agreed[viewer] = cast.viewer_codecs(chance), chosen
        self.downlinks[viewer] = Downlink(
            chance,
            viewer,
            rate_bps=chance.choice((3e5, 1e6, 4e6, 1e8, 1e8)),
            loss=chance.choice((0.0, 0.0, 0.03, 0.2)),
            numbered=chosen is not cast.UNNUMBERED,
        )

    def publish(self, number: int) -> None:
        """A track over one of the publishers, or of the mesh."""
        owner = self.chance.choice((*PUBLISHERS, *PUBLISHERS, MESHED))
        added, uplinks = cast.track(self.chance, number, owner)
        self.forwarder.program(added, self.now)
        self.kinds[number] = added.kind
        self.uplinks[number] = owner, uplinks

    def watch(self, viewer: int, track: int) -> None:
        """One more track for a viewer that is there."""
        chance = self.chance
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
                cast.selection(chance),
                chance.randrange(1 << 15),
                chance.randrange(1 << 32),
            ),
            self.now,
        )
        self.watched[number] = viewer


def asked(packet: rtcp.RtcpPacket) -> list[int]:
    """The sources of which a request wants something."""
    if isinstance(packet, rtcp.Nack | rtcp.PictureLossIndication):
        return [packet.media_ssrc]
    if isinstance(packet, rtcp.FullIntraRequest):
        return [ssrc for ssrc, _ in packet.entries]
    return []
