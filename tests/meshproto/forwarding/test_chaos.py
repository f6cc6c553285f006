"""Everything at once: whatever happens in whatever order, the invariants hold.

The rig itself asserts the gravest one, that no packet index is used twice on a
transport.  Here: nothing raises, tables and timers come to rest, and a consumer never
goes back in time or numbers.
"""

from __future__ import annotations

import contextlib
import random
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.table import (
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    Selection,
    SetSelection,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import rtcp, twcc
from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Rig

TRANSPORTS = (1, 2, 3, 4)
TRACKS = (1, 2, 3)
VIEWERS = (1, 2, 3, 4, 5)
RIDS = ("a", "b")


class Chaos:
    """One run; `step` does something at random."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        config = ForwardingConfig(history_packets=60, history_bytes=60_000)
        self.rig = Rig(config, seed=seed)
        self.cameras: dict[int, list[Camera]] = {}
        self.next_ssrc = 1
        self.watched: dict[int, tuple[int, int]] = {}

    def step(self) -> None:
        deeds = (self.film, self.film, self.film, self.ask, self.answer, self.change)
        with contextlib.suppress(StateError, LimitError):
            self.chance.choice(deeds)()
        self.rig.pass_time(self.chance.choice((0.0, 0.01, 0.033, 0.2)))

    def film(self) -> None:
        if not self.cameras:
            return
        track = self.chance.choice(list(self.cameras))
        for camera in self.cameras[track]:
            if self.chance.random() < 0.02:
                camera.sequence = self.chance.randrange(65536)
            camera.asked |= self.chance.random() < 0.1
            packets = [p for p in camera.frame() if self.chance.random() > 0.05]
            if self.chance.random() < 0.2:
                self.chance.shuffle(packets)
            if self.chance.random() < 0.1:
                packets += packets[:2]
            self.rig.send(TRANSPORTS[track % 2], *packets)

    def ask(self) -> None:
        """Feedback of viewers, true and made up."""
        chance = self.chance
        viewer, (transport, ssrc) = chance.choice(
            list(self.watched.items()) or [(0, (1, 1))]
        )
        lost = sorted(chance.randrange(65536) for _ in range(3))
        sent = self.rig.got[transport][-20:]
        lost += [packet.view.sequence for packet in sent[::3]]
        first = chance.randrange(65536)
        arrivals: list[twcc.Arrival] = [
            (first + i & 0xFFFF, None if chance.random() < 0.3 else i * 1_000)
            for i in range(30)
        ]
        packets: list[rtcp.RtcpPacket | bytes] = [
            rtcp.Nack.of(viewer, ssrc, lost),
            rtcp.PictureLossIndication(9, ssrc),
            rtcp.BitrateEstimate(9, chance.randrange(1 << 24), ()),
            rtcp.ReceiverReport(9, (rtcp.ReportBlock(ssrc, chance.randrange(256)),)),
            twcc.build(9, 0, 0, arrivals)[0],
            chance.randbytes(chance.randrange(40)),
        ]
        self.rig.tell(transport, *chance.sample(packets, 2))

    def answer(self) -> None:
        """Reports and farewells of publishers."""
        for camera in self.chance.choice(list(self.cameras.values()) or [[]]):
            transport = self.chance.choice((1, 2))
            self.rig.tell(transport, camera.report(self.chance.uniform(0, 4e9)))
            if self.chance.random() < 0.05:
                self.rig.tell(transport, rtcp.Bye((camera.ssrc,)))

    def change(self) -> None:
        chance, rig = self.chance, self.rig
        viewer = ConsumerId(chance.choice(VIEWERS))
        track = ProducerId(chance.choice(TRACKS))
        transport = TransportId(chance.choice(TRANSPORTS))
        caps = chance.choice((None, 0, 1)), chance.choice((None, 0, 1))
        selection = Selection(
            chance.choice((None, None, "a", "b")), *caps, chance.random() < 0.1
        )
        match chance.randrange(10):
            case 0:
                rig.client(transport)
            case 1:
                rig.forwarder.set_sending(transport, chance.random() < 0.8, rig.now)
            case 2 | 3:
                self.publish(track)
            case 4 | 5:
                self.watch(viewer, track, transport)
            case 6:
                rig.forwarder.program(MoveConsumer(viewer, track), rig.now)
            case 7:
                rig.forwarder.program(SetSelection(viewer, selection), rig.now)
            case 8:
                rig.forwarder.program(RequestKeyFrame(track), rig.now)
            case _:
                self.remove(viewer, track, transport)
        rig.drain()

    def publish(self, track: int) -> None:
        rids = RIDS if track == 3 else ()
        codec = OPUS if track == 2 else VP8
        self.rig.publish(track, TRANSPORTS[track % 2], codec, mid=str(track), rids=rids)
        self.cameras[track] = [
            Camera(
                ssrc=self.chance.randrange(1 << 32),
                codec=codec,
                mid=str(track),
                rid=rid or None,
                sequence=self.chance.randrange(65536),
                timestamp=self.chance.randrange(1 << 32),
                size=90 if codec is OPUS else self.chance.choice((500, 3_000)),
                temporal=self.chance.choice((1, 2)),
            )
            for rid in rids or ("",)
        ]

    def watch(self, viewer: int, track: int, transport: int) -> None:
        number = 1_000 * viewer + self.next_ssrc
        self.next_ssrc += 1
        codec = OPUS if track == 2 else VIEWER_VP8
        first = self.chance.randrange(1 << 15)
        ssrc = self.rig.watch(number, track, transport, codec, sequence=first)
        self.watched[number] = (transport, ssrc)

    def remove(self, viewer: int, track: int, transport: int) -> None:
        program = self.rig.forwarder.program
        match self.chance.randrange(3):
            case 0:
                program(RemoveConsumer(ConsumerId(viewer)), self.rig.now)
            case 1:
                program(RemoveProducer(ProducerId(track)), self.rig.now)
            case _ if self.chance.random() < 0.2:
                self.rig.forwarder.remove_transport(TransportId(transport))


@pytest.mark.untraced
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
@example(536870911)  # a packet from before a jump of the numbers
@example(14262)  # the same, where its path let it have only a part of the batch
@example(1094)  # one that fell behind got the batch that it fell behind with twice
def test_whatever_happens_nothing_breaks(seed: int) -> None:
    chaos = Chaos(seed)
    for number in TRANSPORTS:
        chaos.rig.client(number)
    for track in TRACKS:
        chaos.publish(track)
        chaos.watch(track, track, 3)
    for _ in range(150):
        chaos.step()
    for transport, ssrc in chaos.watched.values():
        numbers = [packet.index for packet in chaos.rig.media(transport, ssrc)]
        assert len(numbers) == len(set(numbers))
        # numbers that jump leave a packet of before as far behind as the history goes
        reach = ForwardingConfig().history_packets
        assert all(b - a > -reach for a, b in pairwise(numbers))
    for number in TRANSPORTS:
        chaos.rig.forwarder.remove_transport(TransportId(number))
    chaos.rig.pass_time(20.0)
    assert chaos.rig.forwarder.next_timeout() is None
    stats = chaos.rig.forwarder.stats(chaos.rig.now)
    assert (stats["transports"], stats["producers"], stats["consumers"]) == ({}, {}, {})
