"""A client of sfu-go in the shape of the original, with aiortc for the media.

What the original's page does, this does: it opens `/ws?userId=&name=`, joins, answers
pings, brings a pool of sections that receive, offers when it is told to `renegotiate`
(with more sections where `trackCount` asks for them), takes offers of the server, and
shows its session's token when it comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import aiohttp
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack

from support.rtc import until


class SfuGoClient:
    """One member.  `pool` is how many sections of each kind it brings at first,
    `tracks` is what it shows, something of each kind where it is empty.
    """

    def __init__(
        self,
        base: str,
        user: str,
        name: str = "",
        *,
        pool: int = 2,
        tracks: Sequence[MediaStreamTrack] = (),
    ) -> None:
        self.base = base
        self.user = user
        self.name = name or user
        self.pool = pool
        self.tracks = tracks
        self.messages: list[dict[str, Any]] = []
        self.peers: dict[str, str] = {}
        self.joined: dict[str, Any] = {}
        self.frames: Counter[str] = Counter()
        self.pc: RTCPeerConnection | None = None
        self.closed: tuple[int, str] | None = None
        self.double_encoded = False
        self._http = aiohttp.ClientSession()
        self._tasks: list[asyncio.Task[None]] = []
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._negotiating = self._again = False

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open the socket."""
        query = {"userId": self.user, "name": self.name}
        self._socket = await self._http.ws_connect(f"{self.base}/ws", params=query)
        self._tasks.append(asyncio.create_task(self._read(self._socket)))

    async def close(self) -> None:
        """Close everything."""
        await self.drop_socket()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.pc is not None:
            await self.pc.close()
        await self._http.close()

    async def drop_socket(self) -> None:
        """Lose the socket."""
        if self._socket is not None:
            await self._socket.close()

    async def send(self, type_: str, data: Any = None) -> None:
        """One envelope."""
        assert self._socket is not None
        if self.double_encoded and data is not None:
            data = json.dumps(data)
        await self._socket.send_json({"type": type_, "data": data, "timestamp": "now"})

    async def send_text(self, text: str) -> None:
        """Anything at all."""
        assert self._socket is not None
        await self._socket.send_str(text)

    def seen(self, type_: str) -> list[dict[str, Any]]:
        """The data of all messages of a type."""
        return [m.get("data", {}) for m in self.messages if m["type"] == type_]

    async def expect(self, type_: str, count: int = 1) -> dict[str, Any]:
        """Wait for the `count`-th message of a type."""
        await until(lambda: len(self.seen(type_)) >= count, f"{self.user}: {type_}")
        return self.seen(type_)[count - 1]

    async def join(self, room: str, *, media: bool = True, **more: Any) -> None:
        """Join and, as the original does, begin to publish at once."""
        count = len(self.seen("join")) + 1
        await self.send(
            "join", {"roomId": room, "userId": self.user, "name": self.name, **more}
        )
        self.joined = await self.expect("join", count)
        if media:
            await self.begin()

    async def begin(self) -> None:
        """Make the connection: two tracks, and sections for others."""
        if self.pc is not None:
            await self.pc.close()
        pc = self.pc = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        pc.on("track", self._play)
        for track in self.tracks or (VideoStreamTrack(), AudioStreamTrack()):
            pc.addTrack(track)
        for _ in range(self.pool):
            pc.addTransceiver("audio", direction="recvonly")
            pc.addTransceiver("video", direction="recvonly")
        await self._negotiate()
        await until(lambda: pc.connectionState == "connected", "connected")

    def tracks_played(self) -> int:
        """How many remote tracks have shown something."""
        return sum(1 for key, count in self.frames.items() if ":" in key and count > 3)

    # -- inside ------------------------------------------------------------------------

    async def _negotiate(self) -> None:
        pc = self.pc
        assert pc is not None
        if self._negotiating:
            self._again = True
            return
        self._negotiating = True
        await pc.setLocalDescription(await pc.createOffer())
        sdp = pc.localDescription.sdp
        peer = self.joined.get("peerId", "")
        await self.send("offer", {"sdp": sdp, "type": "offer", "peerId": peer})

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                message = json.loads(frame.data)
                self.messages.append(message)
                await self._handle(message["type"], message.get("data") or {})
        self.closed = (socket.close_code or 0, "")

    async def _handle(self, type_: str, data: dict[str, Any]) -> None:
        if type_ == "ping":
            await self.send("pong")
        elif type_ == "room-state":
            self.peers = {p["peerId"]: p["name"] for p in data["peers"]}
        elif type_ == "peer-joined":
            self.peers[data["peerId"]] = data["name"]
        elif type_ == "peer-left":
            self.peers.pop(data["peerId"], None)
        elif self.pc is not None and type_ in _DESCRIBING:
            await self._described(self.pc, type_, data)

    async def _described(
        self, pc: RTCPeerConnection, type_: str, data: dict[str, Any]
    ) -> None:
        if type_ == "answer":
            await pc.setRemoteDescription(RTCSessionDescription(data["sdp"], "answer"))
            self._negotiating = False
            if self._again:
                self._again = False
                await self._negotiate()
        elif type_ == "renegotiate":
            self._make_room(pc, data["trackCount"])
            await self._negotiate()
        elif not self._negotiating:  # aiortc cannot roll back
            await pc.setRemoteDescription(RTCSessionDescription(data["sdp"], "offer"))
            await pc.setLocalDescription(await pc.createAnswer())
            sdp = pc.localDescription.sdp
            peer = self.joined["peerId"]
            await self.send("answer", {"sdp": sdp, "type": "answer", "peerId": peer})

    def _make_room(self, pc: RTCPeerConnection, tracks: int) -> None:
        for kind in ("video", "audio"):
            have = sum(
                t.kind == kind and t.direction in ("recvonly", "sendrecv")
                for t in pc.getTransceivers()
            )
            for _ in range((tracks + 1) // 2 - have):
                pc.addTransceiver(kind, direction="recvonly")

    def _play(self, track: Any) -> None:
        self._tasks.append(asyncio.create_task(self._pump(track)))

    async def _pump(self, track: Any) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await track.recv()
                self.frames[track.kind] += 1
                self.frames[f"{track.kind}:{id(track)}"] += 1


_DESCRIBING = ("answer", "offer", "renegotiate", "ice-restart-offer")
