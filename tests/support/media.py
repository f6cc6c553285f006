"""A media port in process and synthetic media to send through it."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Callable

from meshnode.media.certificate import Certificate
from meshnode.media.client_transport import ClientTransport
from meshnode.media.plane import MediaPlane
from meshnode.media.port import MediaPort
from meshproto.forwarding.table import AddConsumer, AddProducer
from meshproto.ids import ConsumerId, ProducerId
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding
from support.light_client import LightClient
from support.planes import PLANE, make_plane

OPUS = Codec(111, "opus", 48000, 2)
SSRC = 0x1000

_producers = itertools.count(1)
_consumers = itertools.count(1)


def rtp(sequence: int, payload: bytes, *, ssrc: int = SSRC, pt: int = 111) -> bytes:
    """A plain RTP packet of 20 ms audio."""
    head = (0x80, pt, sequence & 0xFFFF, sequence * 960 & 0xFFFFFFFF, ssrc)
    return struct.pack("!BBHII", *head) + payload


def new_port(plane: MediaPlane | None = None, **options: object) -> MediaPort:
    """A port that is not open yet."""
    certificate = Certificate.generate()
    return MediaPort(plane or make_plane(PLANE), certificate, **options)  # type: ignore[arg-type]


def produce(
    port: MediaPort, transport: ClientTransport, *extensions: Extension
) -> ProducerId:
    """One Opus track enters over `transport` as `SSRC`."""
    producer = ProducerId(next(_producers))
    port.plane.program(
        [
            AddProducer(
                producer,
                transport.id,
                MediaKind.AUDIO,
                "0",
                (OPUS,),
                extensions,
                ssrcs=(SsrcBinding(SSRC),),
            )
        ]
    )
    return producer


def consume(
    port: MediaPort,
    producer: ProducerId,
    transport: ClientTransport,
    *,
    feedback: tuple[str, ...] = (),
    first: int = 0,
) -> ConsumerId:
    """That track leaves over `transport` under an SSRC of its own."""
    consumer = ConsumerId(next(_consumers))
    codec = Codec(96, "opus", 48000, 2, feedback=feedback)
    port.plane.program(
        [
            AddConsumer(
                consumer,
                producer,
                transport.id,
                MediaKind.AUDIO,
                "0",
                0x20000 + consumer,
                None,
                (codec,),
                first_sequence=first,
            )
        ]
    )
    return consumer


async def until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    """Wait for a condition that other tasks and callbacks bring about."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.002)


async def stream(
    publisher: LightClient, viewers: list[LightClient], count: int, start: int = 0
) -> list[list[bytes]]:
    """Send `count` numbered packets; what each viewer got, once all have all."""
    got: list[list[bytes]] = [[] for _ in viewers]
    for viewer, packets in zip(viewers, got, strict=True):
        viewer.on_rtp = packets.append
    for n in range(start, start + count):
        publisher.send_rtp(rtp(n, b"packet %d" % n))
        await asyncio.sleep(0.001)
    await until(lambda: all(len(packets) >= count for packets in got))
    return got
