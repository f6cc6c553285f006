"""What the parts of the forwarder share."""

from __future__ import annotations

import random

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.state import State, Timer
from meshproto.ids import ProducerId
from meshproto.wire.parameters import MediaKind
from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Rig


def test_a_layer_is_watched_until_its_next_request() -> None:
    state = State(ForwardingConfig(), random.Random(1))
    layer = Layer(ProducerId(1), MediaKind.VIDEO, "", VP8, state.config)
    state.watch(layer, 1.0)
    assert state.agenda.next() is None
    layer.keys.want()
    state.watch(layer, 1.0)
    assert state.agenda.due(1.0) == [(Timer.LAYER, layer)]
    assert state.publisher(layer) is None


def test_outboxes_are_bounded() -> None:
    rig = Rig()
    rig.client(1)
    for _ in range(10_000):
        rig.forwarder._state.rtcp.append((rig.forwarder._state.transports, b""))
    assert len(rig.forwarder._state.rtcp) == 4096


def test_tracks_without_the_number_do_not_disturb_those_with_it() -> None:
    """A hole in the transport-wide numbers would read as loss."""
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=20_000_000)
    rig.publish(1, 1, VP8, mid="0")
    rig.publish(2, 1, OPUS)
    video = rig.watch(1, 1, 2, VIEWER_VP8)
    rig.watch(2, 2, 2, OPUS, plain=True, rtx=False)
    camera = Camera(mid="0")
    sound = Camera(codec=OPUS, ssrc=9, fps=50, size=80)
    for _ in range(20):
        rig.send(1, *camera.frame())
        rig.send(1, *sound.frame())
        rig.pass_time(0.02)
    numbers = [
        int.from_bytes(packet.elements[5], "big") for packet in rig.media(2, video)
    ]
    assert numbers == list(range(len(numbers)))


def test_without_any_number_packets_are_counted_all_the_same() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8)
    rig.watch(1, 1, 2, VIEWER_VP8, plain=True)
    rig.roll(1, Camera(), 0.2)
    assert rig.forwarder._state.transports[2].number == len(rig.got[2])
