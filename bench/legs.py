"""What passing a stream on costs: microseconds per packet, without crypto or sockets.

A relay gets VP8 frames of eight packets from its parent and passes them on to 0 to 16
children.  Without children it is the cost of taking a packet into the history; what
each further child adds is one header and one tuple per packet.

    python -m bench.legs [--frames N]
"""

from __future__ import annotations

import argparse
import random
import time

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.relay import wire
from meshproto.forwarding.table import AddProducer, TransportKind
from meshproto.ids import NodeId, ProducerId, StreamId, TransportId
from meshproto.wire import rtp
from meshproto.wire.parameters import Codec, MediaKind

PACKETS = 8
PAYLOAD = 1_150
REPEATS = 5
ALIAS = 0x1000
STREAM = StreamId(b"s" * 16)
PARENT, MESH = TransportId(1), TransportId(2)


def frame(number: int) -> list[bytes]:
    """One frame as a parent sends it; every 60th is a key frame."""
    head = bytes((0x80, 0xE0, 0x80 | number >> 8 & 0x7F, number & 0xFF))
    head += bytes((number & 0xFF, 0, 0 if number % 60 == 0 else 1))
    packets = []
    for index in range(PACKETS):
        order = number * PACKETS + index
        first = bytes((0x90 if index == 0 else 0x80,))
        payload = first + head[1:] + bytes(PAYLOAD - len(head))
        mesh = wire.encode_mesh(20, 0, 0, 70_000 + order, order)
        packets.append(
            rtp.build(
                wire.FIRST_PAYLOAD_TYPE,
                70_000 + order,
                number * 3_000,
                ALIAS,
                payload,
                marker=index == PACKETS - 1,
                extensions=((wire.MESH_ID, mesh),),
            )
        )
    return packets


def relay(children: int) -> Forwarder:
    """A relay with a parent and that many children."""
    machine = Forwarder(ForwardingConfig(), random.Random(1))
    machine.add_transport(PARENT, TransportKind.RELAY, node=NodeId(b"parent"))
    machine.add_transport(MESH, TransportKind.MESH)
    video, codecs = MediaKind.VIDEO, (Codec(96, "vp8", 90_000),)
    deltas: list[t.PlaneDelta] = [
        AddProducer(ProducerId(1), MESH, video, "0", codecs, wire.MESH_EXTENSIONS),
        t.OpenStream(STREAM),
        t.BindStream(STREAM, (t.Slot(ProducerId(1), "", 0),)),
        t.SetActive(STREAM, NodeId(b"parent"), ALIAS, 0),
    ]
    for child in range(children):
        node = NodeId(b"child%d" % child)
        transport = TransportId(10 + child)
        machine.add_transport(transport, TransportKind.RELAY, node=node)
        machine.set_sending(transport, True, 0.0)
        deltas.append(t.OpenLeg(STREAM, node, 0x10000 + 16 * child, 1))
    for delta in deltas:
        machine.program(delta, 0.0)
    return machine


def passed_on(children: int, frames: list[list[bytes]]) -> float:
    """CPU microseconds per received packet."""
    machine = relay(children)
    now, sent, count = 1.0, 0, len(frames) * PACKETS
    start = time.process_time()
    for packets in frames:
        now += 1 / 30
        for packet in packets:
            machine.receive_rtp(PARENT, packet, now)
        for burst in machine.flush(now):
            sent += len(burst.packets)
    taken = time.process_time() - start
    assert sent == children * count, sent
    return taken / count * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300, help="frames per run")
    frames = [frame(number) for number in range(parser.parse_args().frames)]
    print(f"{PACKETS} packets of {PAYLOAD} octets a frame, CPU us, best of {REPEATS}")
    print(f"{'children':>8} {'per packet received':>20} {'per packet sent':>16}")
    for children in (0, 1, 4, 16):
        taken = min(passed_on(children, frames) for _ in range(REPEATS))
        each = f"{taken / children:.2f}" if children else "-"
        print(f"{children:>8} {taken:>20.2f} {each:>16}")


if __name__ == "__main__":
    main()
