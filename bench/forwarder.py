"""What rewriting costs: microseconds per delivered packet, without crypto or sockets.

One publisher sends VP8 frames of four packets to 10, 50 and 200 viewers that negotiated
transport-wide numbers and abs-send-time; once to transports in this process, once with
congestion control.  The baseline does the least that anybody must do for the same
packets: `struct.pack` of a new fixed header and a concatenation that copies the rest,
per packet and viewer.  Ratios hold from machine to machine, the microseconds do not.

    python -m bench.forwarder [--frames N]
"""

from __future__ import annotations

import argparse
import random
import struct
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
RATE_BPS = 40_000_000
FIELDS = struct.Struct("!HI")
HEADER = struct.Struct("!BBHII")


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


def forwarder(viewers: int, kind: TransportKind) -> Forwarder:
    """A forwarder with one publisher and `viewers` viewers on transports of `kind`."""
    machine = Forwarder(ForwardingConfig(), random.Random(1))
    machine.add_transport(PUBLISHER, TransportKind.LOCAL)
    codecs = (CODEC,)
    video = MediaKind.VIDEO
    machine.program(
        AddProducer(ProducerId(1), PUBLISHER, video, "0", codecs, EXTENSIONS), 0.0
    )
    for viewer in range(viewers):
        transport = TransportId(viewer + 2)
        machine.add_transport(transport, kind, start_bitrate_bps=RATE_BPS)
        machine.set_sending(transport, True, 0.0)
        ids = (ConsumerId(viewer), ProducerId(1), transport)
        ssrcs = (1_000 + viewer, 100_000 + viewer)
        machine.program(AddConsumer(*ids, video, "0", *ssrcs, codecs, EXTENSIONS), 0.0)
    return machine


def forwarded(viewers: int, frames: list[list[bytes]], kind: TransportKind) -> float:
    """CPU microseconds per delivered packet of the forwarder."""
    machine = forwarder(viewers, kind)
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


def naive(viewers: int, frames: list[list[bytes]]) -> float:
    """The same for the baseline."""
    delivered = 0
    start = time.process_time()
    for packets in frames:
        for packet in packets:
            sequence, stamp = FIELDS.unpack_from(packet, 2)
            for viewer in range(viewers):
                header = HEADER.pack(
                    packet[0], packet[1], sequence, stamp, 1_000 + viewer
                )
                delivered += len(header + packet[12:]) > 0
    return (time.process_time() - start) / delivered * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300, help="frames per run")
    frames = [frame(number) for number in range(parser.parse_args().frames)]
    print(
        f"{PACKETS} packets of {PAYLOAD} octets a frame, CPU us per delivered packet,"
    )
    print(f"best of {REPEATS}; in brackets the ratio to the baseline")
    print(f"{'viewers':>8} {'baseline':>9} {'rewriting':>17} {'and congestion':>17}")
    for viewers in (10, 50, 200):
        base = min(naive(viewers, frames) for _ in range(REPEATS))
        cells = []
        for kind in (TransportKind.LOCAL, TransportKind.CLIENT):
            taken = min(forwarded(viewers, frames, kind) for _ in range(REPEATS))
            cells.append(f"{taken:>8.2f} ({taken / base:.1f}x)".rjust(17))
        print(f"{viewers:>8} {base:>9.2f} {cells[0]} {cells[1]}")


if __name__ == "__main__":
    main()
