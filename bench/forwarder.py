"""What rewriting costs: microseconds per delivered packet, without crypto or sockets.

One publisher sends VP8 frames of four packets to 10, 50 and 200 viewers that negotiated
transport-wide numbers and abs-send-time.  The baseline does the least that anybody must
do for the same packets: `struct.pack` of a new fixed header and one concatenation that
copies the payload, per packet and viewer.  Ratios hold from machine to machine, the
microseconds do not.

    python bench/forwarder.py [--frames N]
"""

from __future__ import annotations

import random
import time

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.table import AddConsumer, AddProducer, TransportKind
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import extensions, rtp
from meshproto.wire.parameters import Codec, Extension, MediaKind

PACKETS = 4
PAYLOAD = 1_150
REPEATS = 5
CODEC = Codec(96, "vp8", 90_000, rtx_payload_type=97, feedback=("nack", "nack pli"))
EXTENSIONS = (
    Extension(1, extensions.MID),
    Extension(4, extensions.ABS_SEND_TIME),
    Extension(5, extensions.TRANSPORT_SEQUENCE),
)
PUBLISHER = TransportId(1)


def frame(number: int) -> list[bytes]:
    """One frame of four packets; every 60th is a key frame."""
    key = number % 60 == 0
    packets = []
    for index in range(PACKETS):
        head = bytes((0x90 if index == 0 else 0x80, 0xE0, 0x80 | number >> 8 & 0x7F))
        head += bytes((number & 0xFF, number & 0xFF, 0, 0 if key else 1))
        payload = head + bytes(PAYLOAD - len(head) - (index == 1))
        packets.append(
            rtp.build(
                96,
                number * PACKETS + index,
                number * 3_000,
                77,
                payload,
                marker=index == PACKETS - 1,
                extensions=((1, b"0"), (4, b"abc"), (5, b"\0\1")),
            )
        )
    return packets


def forwarder(viewers: int) -> Forwarder:
    """A forwarder with one publisher and `viewers` local consumers: congestion control
    is a cost of its own and stays out.
    """
    machine = Forwarder(ForwardingConfig(), random.Random(1))
    machine.add_transport(PUBLISHER, TransportKind.LOCAL)
    codecs = (CODEC,)
    machine.program(
        AddProducer(ProducerId(1), PUBLISHER, MediaKind.VIDEO, "0", codecs, EXTENSIONS),
        0.0,
    )
    for viewer in range(viewers):
        transport = TransportId(viewer + 2)
        machine.add_transport(transport, TransportKind.LOCAL)
        machine.program(
            AddConsumer(
                ConsumerId(viewer),
                ProducerId(1),
                transport,
                MediaKind.VIDEO,
                "0",
                1000 + viewer,
                5000 + viewer,
                codecs,
                EXTENSIONS,
            ),
            0.0,
        )
    return machine


def run(viewers: int, frames: list[list[bytes]], kind: TransportKind) -> float:
    """CPU microseconds per delivered packet."""
    del kind
    machine = forwarder(viewers)
    now, delivered = 1.0, 0
    start = time.process_time()
    for packets in frames:
        now += 1 / 30
        for packet in packets:
            machine.receive_rtp(PUBLISHER, packet, now)
        for burst in machine.flush(now):
            delivered += len(burst.packets)
    taken = time.process_time() - start
    assert delivered == viewers * len(frames) * PACKETS, delivered
    return taken / delivered * 1e6
