"""The other baseline: aiortc's MediaRelay, which decodes and encodes for every viewer.

Run as a process with one JSON object per line each way: `{"publish": offer}` and
`{"play": offer}` are answered with `{"answer": sdp}`.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aioice.ice
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.contrib.media import MediaRelay

NO_SERVERS = RTCConfiguration(iceServers=[])


def use_loopback() -> None:
    """Aioice leaves loopback out when it gathers; here everything is on it."""
    aioice.ice.get_host_addresses = lambda *_, **__: ["127.0.0.1"]


class Server:
    """One publisher's video, relayed to every viewer."""

    def __init__(self) -> None:
        self.relay = MediaRelay()
        self.source: asyncio.Future[MediaStreamTrack] = asyncio.Future()
        self.connections: list[RTCPeerConnection] = []

    async def answer(self, order: dict[str, str]) -> str:
        """Open a connection for an offer; the answer's SDP."""
        connection = RTCPeerConnection(NO_SERVERS)
        self.connections.append(connection)
        if "publish" in order:
            connection.on("track", self._published)
        else:
            source = await self.source
            connection.addTrack(self.relay.subscribe(source, buffered=False))
        offer = RTCSessionDescription(order.get("publish") or order["play"], "offer")
        await connection.setRemoteDescription(offer)
        await connection.setLocalDescription(await connection.createAnswer())
        return str(connection.localDescription.sdp)

    def _published(self, track: MediaStreamTrack) -> None:
        if track.kind == "video" and not self.source.done():
            self.source.set_result(track)


async def main() -> None:
    """Serve until standard input ends."""
    use_loopback()
    server = Server()
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        answer = await server.answer(json.loads(line))
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
