"""PyPI `wrtc` (libwebrtc in a wheel) publishes its synthetic camera, and plays."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import door
import webrtc


def direction(name: str) -> Any:
    return webrtc.RTCRtpTransceiverInit(direction=name)


async def negotiate(pc: Any, url: str, key: str) -> str:
    """Offer, answer, connected; the session's URL."""
    await pc.set_local_description(await pc.create_offer())
    offer = pc.local_description.sdp
    answer, session = await asyncio.to_thread(door.post, url, offer, key)
    description = webrtc.RTCSessionDescriptionInit(webrtc.RTCSdpType.answer, answer)
    await pc.set_remote_description(description)
    deadline = time.monotonic() + door.CONNECT_DEADLINE_S
    while str(pc.connection_state.value) != "connected":
        if time.monotonic() > deadline:
            raise SystemExit(f"not connected: {pc.connection_state}")
        await asyncio.sleep(0.02)
    return session


async def publish(url: str, codec: str, key: str) -> None:
    pc = webrtc.RTCPeerConnection()
    wanted_media = webrtc.MediaStreamConstraints(audio=True, video=True)
    stream = await webrtc.media_devices.get_user_media(wanted_media)
    for track in stream.get_tracks():
        transceiver = pc.add_transceiver(track, direction("sendonly"))
        if str(track.kind).endswith("video"):
            known = webrtc.RTCRtpSender.get_capabilities("video").codecs
            wanted = f"video/{codec}".lower()
            chosen = [c for c in known if c.mime_type.lower() == wanted]
            transceiver.set_codec_preferences(chosen)
    session = await negotiate(pc, url, key)
    door.live()
    await door.told()
    await asyncio.to_thread(door.delete, session, key)
    pc.close()


async def received(pc: Any, kind: str) -> Any:
    """The statistics of the received track of that kind, None before there are any."""
    inbound = webrtc.RTCStatsType("inbound-rtp")
    for entry in (await pc.get_stats()).values():
        if entry.type == inbound and str(entry.kind) == kind:
            return entry
    return None


async def frames(pc: Any) -> int:
    video = await received(pc, "video")
    return int(getattr(video, "frames_decoded", None) or 0)


async def play(url: str, seconds: float) -> None:
    pc = webrtc.RTCPeerConnection()
    for kind in ("video", "audio"):
        pc.add_transceiver(kind, direction("recvonly"))
    began = time.monotonic()
    session = await negotiate(pc, url, "")
    deadline = began + door.FIRST_FRAME_DEADLINE_S
    while not await frames(pc):
        if time.monotonic() > deadline:
            raise SystemExit("no frame")
        await asyncio.sleep(0.05)
    first_s = time.monotonic() - began
    before = await frames(pc)
    await asyncio.sleep(seconds)
    audio = await received(pc, "audio")
    heard = int(getattr(audio, "packets_received", None) or 0)
    door.report(door.Result(await frames(pc) - before, seconds, first_s, heard))
    await asyncio.to_thread(door.delete, session)
    pc.close()


if __name__ == "__main__":
    options = door.arguments()
    if options.action == "publish":
        asyncio.run(publish(options.url, options.codec, options.key))
    else:
        asyncio.run(play(options.url, options.seconds))
