"""What light members send: a picture and a sound, made of numbered packets."""

from __future__ import annotations

import asyncio
import secrets

from bench.load import PAYLOAD_TYPES, SEND_SSRC
from meshproto.wire import rtp
from support.light_client import LightClient
from support.rooms.describing import AUDIO_LEVEL_ID

FRAME_S = 0.04
SOUNDS_PER_FRAME = 2
KEY_EVERY = 25
OCTETS = 300
SPEECH, PAUSE, ROOM = 25, 50, 70
"""Levels of microphones in -dBov."""


def level(number: int, *, speaks: bool) -> int:
    """That of a 20 ms packet: words of 400 ms with 200 ms between them, or a room."""
    if not speaks:
        return ROOM
    return SPEECH if number % 30 < 20 else PAUSE


class Numbered:
    """25 pictures of one packet a second, one key frame in a second, and sound.

    Numbers begin anywhere, as those of browsers do.
    """

    def __init__(self) -> None:
        self.sequences = {kind: secrets.randbits(16) for kind in SEND_SSRC}
        self.sent = dict.fromkeys(SEND_SSRC, 0)
        self.speaks = False

    async def run(self, client: LightClient) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._picture(client)
            for _ in range(SOUNDS_PER_FRAME):
                self._send(client, "audio", bytes(80), 960, marker=False)
            due += FRAME_S
            await asyncio.sleep(due - loop.time())

    def _picture(self, client: LightClient) -> None:
        # VP8 (RFC 7741): S bit, then a frame whose lowest bit is clear for key frames
        key = self.sent["video"] % KEY_EVERY == 0
        start = b"\x10" + (b"\x00" if key else b"\x01")
        self._send(client, "video", start + bytes(OCTETS), 3600, marker=True)

    def _send(
        self, client: LightClient, kind: str, payload: bytes, step: int, *, marker: bool
    ) -> None:
        number = self.sent[kind]
        self.sent[kind] += 1
        loud = bytes((level(number, speaks=self.speaks),))
        client.send_rtp(
            rtp.build(
                payload_type=PAYLOAD_TYPES[kind],
                sequence=(self.sequences[kind] + number) & 0xFFFF,
                timestamp=number * step & 0xFFFFFFFF,
                ssrc=SEND_SSRC[kind],
                marker=marker,
                payload=payload,
                extensions=[(AUDIO_LEVEL_ID, loud)] if kind == "audio" else (),
            )
        )
