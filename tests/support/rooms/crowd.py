"""A hundred members on one clock: each replays one recording, some of them speak.

The recording is made once, by real encoders: a picture in two layers and sound.  One
task sends for everybody, in phases, so that a member costs packets and no timers.  Who
speaks is a script: a few at a time, in turns; everybody else's microphone hears a room.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import struct
from dataclasses import dataclass
from itertools import cycle

from bench.doors import OPUS, VP8
from meshproto.wire import rtcp
from meshproto.wire.rtcp import PictureLossIndication
from support.light_client import LightClient
from support.packetise import encoded, payloads, tones
from support.rooms.describing import AUDIO_LEVEL_ID, MID_ID, RID_ID
from support.rooms.member import LightMember
from support.rooms.shows import ROOM, level

LAYERS = {"l": (160, 90), "h": (320, 180)}
FPS = 10
TICK_S = 0.02
FRAMES = 120
KEY_EVERY = 30
PIECE = 1_100
SPEAKERS = 2
TURN_S = 5.0
QUIET_EVERY = 20
"""Who says nothing sends one packet in so many, as Opus does (DTX, RFC 6716 2.1.9)."""

_FIXED = struct.Struct("!BBHII")
Frame = list[bytes]


@dataclass(frozen=True, slots=True)
class Recording:
    """Payloads of the frames of each layer, and of sound."""

    pictures: dict[str, list[Frame]]
    sounds: list[bytes]

    @classmethod
    def make(cls) -> Recording:
        """Encode it."""
        pictures = {
            rid: [
                payloads("vp8", frame, key, PIECE)
                for frame, key in encoded("vp8", FRAMES, *size, KEY_EVERY)
            ]
            for rid, size in LAYERS.items()
        }
        return cls(pictures, tones(250))

    @property
    def all(self) -> frozenset[bytes]:
        """Every payload in it."""
        frames = (f for layer in self.pictures.values() for f in layer)
        return frozenset(self.sounds).union(*frames)


class _Track:
    """The numbers of one SSRC; `write` makes the next packet of it."""

    def __init__(self, payload_type: int, *elements: tuple[int, bytes]) -> None:
        self.sequence = secrets.randbits(16)
        self._type = payload_type
        self._ssrc = secrets.randbits(32)
        self._block = _block(*elements)

    def write(self, payload: bytes, stamp: int, *, last: bool) -> bytes:
        """The next packet."""
        self.sequence = self.sequence + 1 & 0xFFFF
        kind = self._type | last << 7
        fixed = (0x90, kind, self.sequence, stamp & 0xFFFFFFFF, self._ssrc)
        return _FIXED.pack(*fixed) + self._block + payload

    def say(self, level: int) -> None:
        """How loud its packets are from now on (-dBov)."""
        self._block = _block((AUDIO_LEVEL_ID, bytes((level,))))


def _block(*elements: tuple[int, bytes]) -> bytes:
    """A header extension of one-byte elements (RFC 8285 section 4.2)."""
    body = b"".join(bytes((i << 4 | len(v) - 1,)) + v for i, v in elements)
    body += bytes(-len(body) % 4)
    return b"\xbe\xde" + (len(body) // 4).to_bytes(2, "big") + body


class Voice:
    """What one member sends."""

    def __init__(self, member: LightMember, recording: Recording, start: int) -> None:
        self.member = member
        self.speaks = False
        self._recording = recording
        self._sound = _Track(OPUS, (AUDIO_LEVEL_ID, bytes((ROOM,))))
        self._pictures = {
            rid: _Track(VP8, (MID_ID, b"0"), (RID_ID, rid.encode()))
            for rid in recording.pictures
        }
        self._number = secrets.randbelow(QUIET_EVERY)
        # why a key frame: whoever joins begins with one
        self._frame = start - start % KEY_EVERY
        self._pictures_sent = 0
        self._due = secrets.randbelow(100) / 100
        self._was = -1

    def tick(self) -> None:
        """20 ms went by: a packet of sound, and a picture once in five times."""
        client = self.member.client
        if client is None or client.outbound is None:
            return
        client.on_rtcp = self._heard
        if self.speaks or self._number % QUIET_EVERY == 0:
            self._level()
            sounds = self._recording.sounds
            payload = sounds[self._number % len(sounds)]
            client.send_rtp(self._sound.write(payload, self._number * 960, last=False))
        self._number += 1
        self._due += FPS * TICK_S
        if self._due >= 1:
            self._due -= 1
            self._picture(client)

    def _heard(self, compound: bytes) -> None:
        """Who is asked for a key frame goes on with one."""
        if any(isinstance(p, PictureLossIndication) for p in rtcp.parse(compound)):
            self._frame += -self._frame % KEY_EVERY

    def _picture(self, client: LightClient) -> None:
        stamp = self._pictures_sent * 90_000 // FPS
        self._pictures_sent += 1
        for rid, track in self._pictures.items():
            frames = self._recording.pictures[rid]
            packets = frames[self._frame % len(frames)]
            for place, payload in enumerate(packets, 1):
                last = place == len(packets)
                client.send_rtp(track.write(payload, stamp, last=last))
        self._frame += 1

    def _level(self) -> None:
        now = level(self._number, speaks=self.speaks)
        if now != self._was:
            self._was = now
            self._sound.say(now)


class Crowd:
    """All voices; `run` sends until cancelled, `late_s` is a tick's worst delay."""

    def __init__(self, recording: Recording, seed: int = 7) -> None:
        self.voices: list[Voice] = []
        self.late_s = 0.0
        self.speaking: list[Voice] = []
        self._recording = recording
        self._chance = random.Random(seed)

    def add(self, member: LightMember) -> None:
        """One more."""
        start = self._chance.randrange(FRAMES)
        self.voices.append(Voice(member, self._recording, start))

    async def run(self) -> None:
        """Every voice each 20 ms, a quarter of them at a time."""
        loop = asyncio.get_running_loop()
        due, turn_at = loop.time(), 0.0
        for phase in cycle(range(4)):
            if due >= turn_at:
                self._turn()
                turn_at = due + TURN_S
            for voice in self.voices[phase::4]:
                voice.tick()
            due += TICK_S / 4
            self.late_s = max(self.late_s, loop.time() - due)
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _turn(self) -> None:
        """Others speak."""
        for voice in self.speaking:
            voice.speaks = False
        count = min(SPEAKERS, len(self.voices))
        self.speaking = self._chance.sample(self.voices, count)
        for voice in self.speaking:
            voice.speaks = True
