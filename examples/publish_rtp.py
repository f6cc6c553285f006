"""Publish a stream from your own process: RTP packets you made, no WebRTC client.

    python publish_rtp.py      then watch http://127.0.0.1:8080/#watch=drawn

Draws a moving picture, encodes VP8 and packs it by RFC 7741; any RTP packets will do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import struct
import time
from fractions import Fraction

import av

from meshnode import LocalTrack, MeshNode, Settings
from meshproto.wire.parameters import Codec, MediaKind

WIDTH, HEIGHT, RATE_HZ = 320, 180, 25
PAYLOAD_TYPE, CLOCK_HZ, SSRC, PAYLOAD_MAX = 96, 90000, 1234, 1100
VIDEO = LocalTrack(MediaKind.VIDEO, Codec(PAYLOAD_TYPE, "vp8", CLOCK_HZ))


def draw(number: int) -> av.VideoFrame:
    """A grey ramp that moves one column a frame."""
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane in frame.planes:
        row = bytes((column + number) % 220 + 16 for column in range(plane.line_size))
        flat = row if plane.height == HEIGHT else bytes([128]) * plane.line_size
        plane.update(flat * plane.height)
    frame.pts, frame.time_base = number, Fraction(1, RATE_HZ)
    return frame


def pack(encoded: bytes, sequence: int, timestamp: int) -> list[bytes]:
    """One VP8 frame as RTP packets; the last one carries the marker."""
    packets = []
    for offset in range(0, len(encoded), PAYLOAD_MAX):
        last = offset + PAYLOAD_MAX >= len(encoded)
        kind = PAYLOAD_TYPE | (0x80 if last else 0)
        number = (sequence + len(packets)) & 0xFFFF
        header = struct.pack("!BBHII", 0x80, kind, number, timestamp & 0xFFFFFFFF, SSRC)
        descriptor = b"\x10" if offset == 0 else b"\x00"  # start of the partition
        packets.append(header + descriptor + encoded[offset : offset + PAYLOAD_MAX])
    return packets


async def publish(settings: Settings, stream: str) -> None:
    """Draw, encode and send for ever, paced by deadlines."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.bit_rate, encoder.gop_size = 400_000, 2 * RATE_HZ
    encoder.time_base = Fraction(1, RATE_HZ)
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    async with MeshNode(settings) as node:
        print(node.urls["page"], flush=True)
        began_s, sequence, number = time.monotonic(), 0, 0
        with node.publish(stream, [VIDEO]) as publisher:
            while True:
                for packet in encoder.encode(draw(number)):
                    burst = pack(bytes(packet), sequence, number * CLOCK_HZ // RATE_HZ)
                    publisher.send_rtp(0, *burst)
                    sequence += len(burst)
                number += 1
                await asyncio.sleep(began_s + number / RATE_HZ - time.monotonic())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stream", nargs="?", default="drawn")
    parser.add_argument("--http", default="127.0.0.1:8080")
    parser.add_argument("--port", type=int, default=5000)
    given = parser.parse_args()
    own = Settings(port=given.port, http=given.http, admin="127.0.0.1:0")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(publish(own, given.stream))
