"""Get a stream's RTP packets in your own process: to record, analyse or pass them on.

    python subscribe_rtp.py demo     then publish demo at http://127.0.0.1:8080/

Prints once a second what arrived.  The packets are plain RTP, decrypted; their codec is
in `subscriber.tracks`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections import Counter

from meshnode import LocalSubscriber, MeshNode, Settings
from meshproto.errors import MeshError

REPORT_S = 1.0
RETRY_S = 0.5


async def wait_for(node: MeshNode, stream: str) -> LocalSubscriber:
    """Subscribe as soon as somebody publishes."""
    while True:
        try:
            return node.subscribe(stream)
        except MeshError:
            await asyncio.sleep(RETRY_S)


async def report(subscriber: LocalSubscriber) -> None:
    """Count packets and bytes by kind until the stream ends."""
    codecs = ", ".join(track.codec for track in subscriber.tracks)
    print(f"{subscriber.stream}: {codecs}", flush=True)
    packets: Counter[str] = Counter()
    octets: Counter[str] = Counter()
    next_s = time.monotonic() + REPORT_S
    async for packet in subscriber:
        kind = packet.kind.value
        packets[kind] += 1
        octets[kind] += len(packet.data)
        if time.monotonic() >= next_s:
            for name in sorted(packets):
                rate = octets[name] * 8 / 1000 / REPORT_S
                print(f"{name}: {packets[name]} packets, {rate:.0f} kb/s", flush=True)
            packets.clear()
            octets.clear()
            next_s = time.monotonic() + REPORT_S


async def main(settings: Settings, stream: str) -> None:
    """Serve publishers by WHIP, and read what they send, again and again."""
    async with MeshNode(settings) as node:
        print(node.urls["page"], flush=True)
        while True:
            with await wait_for(node, stream) as subscriber:
                await report(subscriber)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stream", nargs="?", default="demo")
    parser.add_argument("--http", default="127.0.0.1:8080")
    parser.add_argument("--port", type=int, default=5000)
    given = parser.parse_args()
    own = Settings(port=given.port, http=given.http, admin="127.0.0.1:0")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(own, given.stream))
