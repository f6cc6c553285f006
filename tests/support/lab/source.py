"""A publisher without an encoder: numbered packets on time, one key frame every second.

Every packet says which track it is of, its number there and when it was sent, behind a
start that every payload format fits; a viewer (`viewer.py`) reads that back at the end
of any number of hops.  Sound is 50 packets a second, the picture 30 frames of a few
packets.  A request for a key frame is answered by the next frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from dataclasses import dataclass

from bench.load import PAYLOAD_TYPES, SEND_SSRC
from meshproto.errors import DecodeError
from meshproto.wire import rtcp, rtp
from support.lab.sessions import LabClient, open_session

LABEL = struct.Struct("!4sBId")
MAGIC = b"MLab"
VIDEO, AUDIO = 0, 1
TRACKS = ("video", "audio")
START_OCTETS = 8
FRAMES_HZ = 30
AUDIO_HZ = 50
CLOCKS_HZ = (90_000, 48_000)
AUDIO_OCTETS = 120
KEY_EVERY = 30


def label(track: int, number: int) -> bytes:
    """What a packet says about itself."""
    return LABEL.pack(MAGIC, track, number, time.time())


def read_label(payload: bytes) -> tuple[int, int, float] | None:
    """Track, number and time of sending of one of our packets."""
    if len(payload) < START_OCTETS + LABEL.size:
        return None
    magic, track, number, sent = LABEL.unpack_from(payload, START_OCTETS)
    return (track, number, sent) if magic == MAGIC else None


@dataclass(frozen=True)
class Rate:
    """Packets of a frame and their size; 5 of 1,000 octets are 1.2 Mb/s."""

    packets: int = 5
    octets: int = 1_000

    @property
    def per_second(self) -> int:
        """Packets a second, sound included."""
        return self.packets * FRAMES_HZ + AUDIO_HZ

    @property
    def bps(self) -> int:
        """Payload bits a second, sound included."""
        octets = self.packets * self.octets * FRAMES_HZ + AUDIO_OCTETS * AUDIO_HZ
        return 8 * octets


LIGHT = Rate(packets=1, octets=600)
"""For many nodes on one machine: what is measured is the mesh, not the processor."""


class Source:
    """Publishes until `close`; `sent` counts the packets of each track."""

    def __init__(self, client: LabClient, session: str, rate: Rate) -> None:
        self.client = client
        self.session = session
        self.rate = rate
        self.sent = [0, 0]
        self.keys_asked = 0
        self._key_wanted = True
        self._frame = 0
        self._late_s = 0.0
        client.on_rtcp = self._heard
        self._tasks = [
            asyncio.create_task(self._every(1 / FRAMES_HZ, self._picture)),
            asyncio.create_task(self._every(1 / AUDIO_HZ, self._sound)),
        ]

    @classmethod
    async def open(cls, namespace: str, url: str, rate: Rate | None = None) -> Source:
        """Publish to a WHIP URL from inside a namespace."""
        client, session = await open_session(
            LabClient, namespace, url, "sendonly", decrypt_every=0
        )
        return cls(client, session, rate or Rate())

    async def close(self, *, quietly: bool = False) -> None:
        """Stop and say goodbye, or vanish."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.client.close(quietly=quietly)

    def late_ms(self) -> float:
        """How late it was at worst since this was asked last: what a viewer misses for
        so long is the laboratory's own doing.
        """
        late_s, self._late_s = self._late_s, 0.0
        return late_s * 1000

    async def _every(self, interval_s: float, send: object) -> None:
        due = time.monotonic()
        while True:
            due += interval_s
            await asyncio.sleep(due - time.monotonic())
            self._late_s = max(self._late_s, time.monotonic() - due)
            send()  # type: ignore[operator]

    def _heard(self, compound: bytes) -> None:
        with contextlib.suppress(DecodeError):
            if any(
                isinstance(p, rtcp.PictureLossIndication) for p in rtcp.parse(compound)
            ):
                self.keys_asked += 1
                self._key_wanted = True

    def _picture(self) -> None:
        key = self._key_wanted or self._frame % KEY_EVERY == 0
        self._key_wanted = False
        last = self.rate.packets - 1
        for place in range(self.rate.packets):
            # VP8 (RFC 7741): S bit first, then a frame whose lowest bit says "no key"
            start = b"\x10" if place == 0 else b"\x00"
            start += (b"\x00" if key else b"\x01") + bytes(START_OCTETS - 2)
            clock = self._frame * CLOCKS_HZ[VIDEO] // FRAMES_HZ
            self._send(VIDEO, start, self.rate.octets, clock, marker=place == last)
        self._frame += 1

    def _sound(self) -> None:
        clock = self.sent[AUDIO] * CLOCKS_HZ[AUDIO] // AUDIO_HZ
        self._send(AUDIO, bytes(START_OCTETS), AUDIO_OCTETS, clock, marker=False)

    def _send(
        self, track: int, start: bytes, octets: int, clock: int, *, marker: bool
    ) -> None:
        number = self.sent[track]
        self.sent[track] += 1
        payload = start + label(track, number)
        kind = TRACKS[track]
        self.client.send_rtp(
            rtp.build(
                payload_type=PAYLOAD_TYPES[kind],
                sequence=number & 0xFFFF,
                timestamp=clock & 0xFFFFFFFF,
                ssrc=SEND_SSRC[kind],
                marker=marker,
                payload=payload + bytes(octets - len(payload)),
            )
        )
