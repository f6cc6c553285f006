"""A drawn trace: publishers, viewers and control do all they can for some seconds.

`Trace` tells it to any forwarder; with `both.Both` it is the random part of the
comparison of the two planes.  A seed draws who takes part (`trace_cast`), over which
networks (`trace_parts`), and then deed after deed: joins, leaves, moves, selections,
new sources, jumps, silences.
"""

from __future__ import annotations

import contextlib

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.table import (
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    SetSelection,
    TransportKind,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import rtcp
from support import trace_cast as cast
from support.forwarding import Camera
from support.trace_world import MESHED, PUBLISHERS, World

VIEWERS = tuple(range(10, 18))
TRACKS = range(1, 6)
TICK_S = 0.01


class Trace(World):
    """One run; `play` tells all of it."""

    def play(self, seconds: float) -> None:
        """Begin with something to see, and then let everything happen."""
        for transport in PUBLISHERS:
            self.add_transport(transport, TransportKind.CLIENT)
        self.add_transport(MESHED, TransportKind.MESH)
        for track in TRACKS:
            self.publish(track)
        for viewer in VIEWERS[:3]:
            self.connect(viewer)
            for _ in range(2):
                self.watch(viewer, self.chance.choice(TRACKS))
        for tick in range(round(seconds / TICK_S)):
            self.tick(tick)
            self.pass_time(self.chance.choice((TICK_S, TICK_S, 0.004, 0.017)))
        self.forwarder.stats(self.now)
        for transport in (*PUBLISHERS, MESHED, *VIEWERS):
            self.forwarder.remove_transport(TransportId(transport))
        self.pass_time(20.0)
        self.forwarder.stats(self.now)

    def tick(self, tick: int) -> None:
        """A hundredth of a second."""
        self.film(tick)
        self.listen()
        if self.chance.random() < 0.15:
            with contextlib.suppress(StateError, LimitError):
                self.deed()
        self.drain()
        if tick % 25 == 0:
            self.forwarder.stats(self.now)
            levels = self.forwarder.audio_levels(self.heard)
            self.heard = {producer: newest for producer, (newest, _) in levels.items()}

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
        self.watch(viewer, self.chance.choice(TRACKS))

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
        chosen = cast.selection(self.chance)
        self.forwarder.program(SetSelection(consumer, chosen), self.now)

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
        match chance.randrange(5):
            case 0:
                bye = rtcp.Bye((camera.ssrc,), b"gone").encode()
                self.forwarder.receive_rtcp(TransportId(owner), bye, self.now)
            case 1:
                camera.ssrc = chance.randrange(1 << 32)
                camera.asked = True
            case 2 if camera.codec in cast.CODECS:
                camera.codec = chance.choice((cast.VP8, cast.H264, camera.codec))
            case 2:
                camera.sequence = chance.randrange(1 << 16)
                camera.timestamp = chance.randrange(1 << 32)
            case 3:
                camera.sequence = chance.randrange(1 << 16)
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
