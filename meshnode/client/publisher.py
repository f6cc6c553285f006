"""A WHIP publisher: tracks in, a live stream on a node out.

async with Publisher(url, tracks, bearer=key) as publisher:
    state = await publisher.ended()
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiortc import MediaStreamTrack, RTCRtpSender

from meshnode.client.base import Client
from meshnode.client.peer import Peer
from meshnode.client.statistics import FrameMeter, Sampler


class Publisher(Client):
    """Publishes `tracks`, at most one of a kind.  `codec` is "vp8" or "h264".

    Further keywords are those of `Client`.
    """

    def __init__(
        self,
        url: str,
        tracks: Sequence[MediaStreamTrack],
        *,
        codec: str = "vp8",
        **options: Any,
    ) -> None:
        self._meter = FrameMeter()
        super().__init__(url, Sampler(self._meter, outgoing=True), **options)
        self._tracks = tracks
        self._codec = codec

    def _prepare(self, peer: Peer) -> None:
        known = RTCRtpSender.getCapabilities("video").codecs
        wanted = {f"video/{self._codec}", "video/rtx"}
        for track in self._tracks:
            counted = _Counted(track, self._meter) if track.kind == "video" else track
            transceiver = peer.connection.addTransceiver(counted, direction="sendonly")
            if track.kind == "video":
                transceiver.setCodecPreferences(
                    [codec for codec in known if codec.mimeType.lower() in wanted]
                )


class _Counted(MediaStreamTrack):
    """Passes frames on and counts them."""

    def __init__(self, track: MediaStreamTrack, meter: FrameMeter) -> None:
        super().__init__()
        self.kind = track.kind
        self._track = track
        self._meter = meter

    async def recv(self) -> Any:
        frame = await self._track.recv()
        self._meter.add(frame)
        return frame

    def stop(self) -> None:
        super().stop()
        self._track.stop()
