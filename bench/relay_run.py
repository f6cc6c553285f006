"""Runs the MediaRelay baseline: a real VP8 stream in, light viewers that count.

aiortc decodes what it receives, so the publisher must send pictures: two seconds of
the test picture are encoded beforehand and repeated, each repeat from its key frame.
aiortc is a full ICE agent and checks its clients, so light clients answer here.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction

from aiortc.codecs.vpx import Vp8Encoder

from bench.child import Child, child
from bench.cost import Cost, measure_cost
from bench.doors import offer, remote_of
from bench.load import PAYLOAD_TYPES, SEND_SSRC, Ages
from bench.shapes import Shape
from meshnode.client.picture import TestPicture
from meshproto.wire import rtp, stun, stun_binding
from meshproto.wire.demux import DatagramKind, classify
from meshproto.wire.sdp.parse import parse
from support.light_client import LightClient

WIDTH, HEIGHT, FRAMES = 640, 360, 60
SETTLE_S = 2.0
"""Until every viewer is connected and encoders have found their rate."""


class Agent(LightClient):
    """A light client that answers checks and counts frames by their markers."""

    def __init__(self, text: str, answer: str) -> None:
        ours = parse(text).media[0]
        remote, address = remote_of(answer)
        super().__init__(address, remote, ufrag=ours.ice_ufrag, decrypt_every=0)
        self.frames = 0
        self._key = ours.ice_pwd.encode()

    def _datagram(self, datagram: bytes) -> None:
        if classify(datagram) is DatagramKind.STUN:
            message = stun.decode(datagram)
            if message.message_class == stun.REQUEST:
                self.send(
                    stun_binding.success(
                        message, self.address, key=self._key, fingerprint=True
                    )
                )
                return
        super()._datagram(datagram)

    def _rtp(self, datagram: bytes) -> None:
        self.frames += datagram[1] >> 7
        super()._rtp(datagram)


class Pictures:
    """The publisher: encoded frames at their deadlines, over and over."""

    def __init__(self, shape: Shape, client: LightClient) -> None:
        self._shape = shape
        self._client = client
        self._frames = itertools.cycle(encoded(shape))
        self._numbers = itertools.count()
        self._sequence = 0

    async def run(self, duration_s: float) -> int:
        """Send for a while; how many packets were sent."""
        loop = asyncio.get_running_loop()
        start, first = loop.time(), self._sequence
        for due in self._shape.deadlines(start):
            if due >= start + duration_s:
                break
            await asyncio.sleep(due - loop.time())
            for packet in self._packets(next(self._frames)):
                self._client.send_rtp(packet)
        return self._sequence - first

    def _packets(self, payloads: Sequence[bytes]) -> Iterator[bytes]:
        timestamp = next(self._numbers) * self._shape.clock_hz // self._shape.frames_hz
        for number, payload in enumerate(payloads, 1):
            yield rtp.build(
                payload_type=PAYLOAD_TYPES["video"],
                sequence=self._sequence & 0xFFFF,
                timestamp=timestamp & 0xFFFFFFFF,
                ssrc=SEND_SSRC["video"],
                marker=number == len(payloads),
                payload=payload,
            )
            self._sequence += 1


def encoded(shape: Shape) -> list[list[bytes]]:
    """The payloads of every frame, at about the bit rate of `shape`."""
    encoder, picture = Vp8Encoder(), TestPicture(WIDTH, HEIGHT)
    encoder.target_bitrate = shape.bitrate_bps
    made = []
    for number in range(FRAMES):
        frame = picture.frame(number, datetime.now(UTC))
        frame.pts, frame.time_base = number, Fraction(1, shape.frames_hz)
        made.append(encoder.encode(frame, force_keyframe=number == 0)[0])
    return made


async def _connect(server: Child, order: str, direction: str) -> Agent:
    text = offer(secrets.token_hex(4), direction)
    await server.tell({order: text})
    agent = Agent(text, (await server.hear())["answer"])
    await agent.connect()
    return agent


async def run(shape: Shape, viewers: int, duration_s: float) -> tuple[Cost, float]:
    """One publisher to `viewers` through the child; also frames a second and viewer."""
    async with child("bench.relay") as server:
        publisher = await _connect(server, "publish", "sendonly")
        source = Pictures(shape, publisher)
        agents = [await _connect(server, "play", "recvonly") for _ in range(viewers)]
        await source.run(SETTLE_S)
        frames = 0

        def count() -> int:
            nonlocal frames
            frames = sum(agent.frames for agent in agents) - frames
            return sum(agent.packets for agent in agents)

        cost = await measure_cost(
            server.pid, source, count, Ages(), viewers, duration_s
        )
        for agent in (*agents, publisher):
            agent.close()
    return cost, frames / duration_s / viewers
