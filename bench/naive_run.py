"""Runs the naive baseline: start the child, feed it, count, ask the kernel."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence

from pylibsrtp import Session

from bench.child import child
from bench.cost import Cost, measure_cost
from bench.load import Ages, Publisher, Sink
from bench.naive import session
from bench.shapes import Shape
from meshproto.wire import rtp

KEY_BYTES = 28  # AES-128 key and GCM salt


async def run(shape: Shape, viewers: int, duration_s: float) -> Cost:
    """One publisher to `viewers` sinks through the child."""
    ages = Ages()
    keys = [os.urandom(KEY_BYTES).hex() for _ in range(viewers)]
    sinks = [Sink(_opener(session(key, inbound=True), ages)) for key in keys]
    key = os.urandom(KEY_BYTES).hex()
    listed = [[*s.address, k] for s, k in zip(sinks, keys, strict=True)]
    async with child("bench.naive") as server:
        port = (await server.hear())["port"]
        await server.tell({"key": key, "viewers": listed})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            source = Publisher(shape, _sender(out, key, ("127.0.0.1", port)))
            cost = await measure_cost(
                server.pid,
                source,
                lambda: sum([sink.packets for sink in sinks]),
                ages,
                viewers,
                duration_s,
            )
    for sink in sinks:
        sink.close()
    return cost


def _sender(
    out: socket.socket, key: str, address: tuple[str, int]
) -> Callable[[Sequence[bytes]], None]:
    protect = session(key, inbound=False).protect

    def send(packets: Sequence[bytes]) -> None:
        for packet in [protect(packet) for packet in packets]:
            out.sendto(packet, address)

    return send


def _opener(opening: Session, ages: Ages) -> Callable[[bytes, float], None]:
    def inspect(data: bytes, arrived: float) -> None:
        plain = opening.unprotect(data)
        ages.note(rtp.payload(plain, rtp.parse(plain)), arrived)

    return inspect
