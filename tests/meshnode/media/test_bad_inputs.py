"""Every bad RTP and RTCP input again, this time genuine: behind SRTP of a live client.

Whoever holds keys may still be hostile.  The port must survive it, count it, and go on
carrying everybody else's media.
"""

from __future__ import annotations

import asyncio
from typing import Any

from meshnode.media.srtp_packets import header_length
from meshproto.errors import DecodeError, StateError
from support.light_client import LightClient, join
from support.media import SSRC, consume, produce, stream, until
from support.vectors import bad_inputs


def inputs(kind: str) -> list[bytes]:
    return [parameter.values[0] for parameter in bad_inputs(kind)]


def send_as_rtp(client: LightClient, packet: bytes, sequence: int) -> bool:
    """Protect what can be protected; numbers must be fresh to be let through."""
    numbered = packet[:2] + sequence.to_bytes(2, "big") + packet[4:]
    try:
        size = header_length(numbered, 0)
    except DecodeError:
        return False
    assert client.outbound is not None
    for header in (
        numbered[:size],
        numbered[:8] + SSRC.to_bytes(4, "big") + numbered[12:size],
    ):
        try:
            sealed = client.outbound.protect(header, numbered[size:])
        except StateError:
            return False
        client.send(header + sealed)
    return True


def send_as_rtcp(client: LightClient, packet: bytes) -> bool:
    if len(packet) < 8 or packet[0] >> 6 != 2 or not 192 <= packet[1] <= 223:
        return False
    assert client.outbound is not None
    client.send(client.outbound.protect_rtcp(packet))
    return True


async def test_a_publisher_with_keys_and_bad_manners(port) -> None:
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    vandal_transport, vandal = await join(port)
    produce(port, vandal_transport)
    first, publisher = await join(port)
    second, viewer = await join(port)
    producer = produce(port, first)
    consume(port, producer, second)
    consume(port, producer, vandal_transport)
    sent = 0
    for number, packet in enumerate(inputs("rtp")):
        sent += send_as_rtp(vandal, packet, number + 1)
    rtcp = sum(send_as_rtcp(vandal, packet) for packet in inputs("rtcp"))
    assert sent > 10
    assert rtcp > 100
    await until(lambda: port.plane.stats()["received"]["packets"] >= sent)
    (packets,) = await stream(publisher, [viewer], 20)
    assert len(packets) == 20
    assert told == []
    assert "internal-error" not in port.plane.stats()["drops"]
    for client in (vandal, publisher, viewer):
        client.close()
