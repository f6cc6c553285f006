"""What every plane does: the packets of this process, and a fault of its own."""

from __future__ import annotations

import struct

import pytest

from meshnode.media.plane import LocalFeedback
from meshnode.media.port import MediaPort
from meshproto.errors import StateError
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    RemoveProducer,
    RequestKeyFrame,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire.parameters import Codec, MediaKind, SsrcBinding
from support.light_client import join
from support.media import SSRC, consume, new_port, produce, stream, until
from support.planes import make_plane


def local_producer(port: MediaPort, producer: int) -> TransportId:
    transport = port.add_local()
    vp8 = Codec(96, "vp8", 90000, feedback=("nack", "nack pli"))
    ssrcs = (SsrcBinding(SSRC),)
    port.plane.program(
        [
            AddProducer(
                ProducerId(producer),
                transport,
                MediaKind.VIDEO,
                "0",
                (vp8,),
                ssrcs=ssrcs,
            )
        ]
    )
    return transport


def local_consumer(port: MediaPort, producer: int, got: list) -> TransportId:
    transport = port.add_local()
    codec = Codec(97, "vp8", 90000)
    port.plane.on_local(transport, lambda c, p: got.append((c, p)))
    port.plane.program(
        [
            AddConsumer(
                ConsumerId(producer),
                ProducerId(producer),
                transport,
                MediaKind.VIDEO,
                "0",
                77,
                None,
                (codec,),
            )
        ]
    )
    return transport


def key_frame(sequence: int) -> bytes:
    vp8 = b"\x10" + bytes.fromhex("300000 9d012a 4001 f000") + bytes(50)
    head = struct.pack("!BBHII", 0x80, 96 | 0x80, sequence, sequence * 3000, SSRC)
    return head + vp8


async def test_packets_of_this_process_go_in_and_out_in_the_clear(port) -> None:
    got: list[tuple[int, bytes]] = []
    local_producer(port, 7)
    local_consumer(port, 7, got)
    for n in range(3):
        port.plane.inject(ProducerId(7), [key_frame(n)])
    assert len(got) == 3
    assert {c for c, _ in got} == {7}
    assert [p[12:] for _, p in got] == [key_frame(n)[12:] for n in range(3)]
    assert got[0][1][1] & 0x7F == 97


async def test_a_local_publisher_is_asked_for_key_frames(port) -> None:
    events: list[object] = []
    port.on_event(events.append)
    transport = local_producer(port, 8)
    port.plane.inject(ProducerId(8), [key_frame(0)])
    port.plane.program([RequestKeyFrame(ProducerId(8))])
    wanted = lambda: [e for e in events if isinstance(e, LocalFeedback)]  # noqa: E731
    await until(lambda: any(206 in e.packet for e in wanted()))
    assert {e.transport for e in wanted()} == {transport}
    sender_report = struct.pack("!BBHIQIII", 0x80, 200, 6, SSRC, 1 << 60, 0, 1, 1)
    port.plane.inject(ProducerId(8), [sender_report])


async def test_injecting_needs_a_local_producer(port) -> None:
    transport = local_producer(port, 9)
    port.plane.program([RemoveProducer(ProducerId(9))])
    with pytest.raises(StateError):
        port.plane.inject(ProducerId(9), [])
    local_producer(port, 10)
    port.plane.close_transport(transport)
    port.plane.inject(ProducerId(10), [key_frame(1)])


# -- addresses -----------------------------------------------------------------------


async def test_a_client_that_asks_another_of_our_addresses_is_sent_to_from_there(
    plane: str,
) -> None:
    port = new_port(make_plane(plane))
    ((_, number),) = await port.open(["0.0.0.0"], 0)
    first, publisher = await join(port, address=("127.0.0.1", number))
    second, viewer = await join(port, address=("127.0.0.1", number))
    consume(port, produce(port, first), second)
    await stream(publisher, [viewer], 5)
    # a connected socket hears this one address of ours and no other
    viewer._socket.connect(("127.0.0.2", number))
    answered = viewer.counters["stun"]
    viewer.check()
    await until(lambda: viewer.counters["stun"] > answered)
    (packets,) = await stream(publisher, [viewer], 5, start=5)
    assert len(packets) == 5
    await port.close()
    publisher.close()
    viewer.close()
