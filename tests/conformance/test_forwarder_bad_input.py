"""Bad inputs behind the keys: a hostile publisher or viewer meets the forwarder itself.

Whatever comes is forwarded, or counted and dropped; nothing raises, and the track of
somebody else goes on as if nothing had been.
"""

from __future__ import annotations

import pytest

from meshproto.ids import TransportId
from meshproto.wire import extensions, rtp
from meshproto.wire.parameters import Codec, Extension
from support import vectors
from support.forwarding import FEEDBACK, OPUS, VIEWER_VP8, VP8, Camera, Rig

HOSTILE, HONEST, VIEWER = 1, 2, 3
FRAME = Extension(12, extensions.DEPENDENCY_DESCRIPTOR)


def stage(*codecs: Codec) -> tuple[Rig, Camera, int]:
    rig = Rig()
    for transport in (HOSTILE, HONEST, VIEWER):
        rig.client(transport, bitrate_bps=20_000_000)
    rig.publish(1, HOSTILE, *(codecs or (VP8,)), mid="0")
    rig.publish(2, HOSTILE, OPUS, mid="1")
    rig.publish(3, HONEST, VP8)
    rig.watch(1, 1, VIEWER, *(codecs or (VIEWER_VP8,)))
    honest = rig.watch(3, 3, VIEWER, VIEWER_VP8)
    return rig, Camera(), honest


def goes_on(rig: Rig, camera: Camera, ssrc: int) -> None:
    before = len(rig.media(VIEWER, ssrc))
    rig.send(HONEST, *camera.frame())
    rig.pass_time(0.5)
    got = rig.media(VIEWER, ssrc)
    assert len(got) > before
    assert [packet.index for packet in got] == list(range(len(got)))


@pytest.mark.parametrize("data", list(vectors.bad_inputs("rtp")))
def test_rtp(data: bytes) -> None:
    rig, camera, honest = stage()
    rig.send(HOSTILE, *Camera(ssrc=7, mid="0").frame())
    rig.send(HOSTILE, data, data[:-1], data + b"\0", data)
    goes_on(rig, camera, honest)


@pytest.mark.parametrize("data", list(vectors.bad_inputs("rtcp")))
def test_rtcp(data: bytes) -> None:
    rig, camera, honest = stage()
    goes_on(rig, camera, honest)
    for transport in (HOSTILE, VIEWER):
        rig.tell(transport, data, data[:-1], data + b"\0\0\0\0", data)
    goes_on(rig, camera, honest)


@pytest.mark.parametrize("name", ["h264", "vp9", "av1"])
def test_payloads(name: str) -> None:
    codec = Codec(100, name, 90_000, feedback=FEEDBACK)
    rig, camera, honest = stage(codec)
    for number, parameters in enumerate(vectors.bad_inputs(name)):
        [data] = parameters.values
        for step, payload in enumerate((data, data[:7], data[:1], data[1:], b"\0" * 9)):
            at = (number * 8 + step, number * 3_000, 7)
            rig.send(HOSTILE, rtp.build(100, *at, payload[:1_200], marker=True))
    goes_on(rig, camera, honest)


def test_dependency_descriptors() -> None:
    codec = Codec(100, "av1", 90_000, feedback=FEEDBACK)
    rig, camera, honest = stage(codec)
    transport = rig.forwarder._state.transports[TransportId(HOSTILE)]
    transport.learn((FRAME,))
    for number, parameters in enumerate(vectors.bad_inputs("dependency-descriptor")):
        [data] = parameters.values
        for step, value in enumerate((data, data[:3], data[:9])):
            elements = [(12, value[:255])]
            at = (number * 8 + step, number * 3_000, 7)
            packet = rtp.build(100, *at, b"\x10\x32\x00", extensions=elements)
            rig.send(HOSTILE, packet)
    goes_on(rig, camera, honest)
