"""Runs the naive baseline: start the child, feed it, count, ask the kernel."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pylibsrtp import Session

from bench import load, measure
from bench.naive import session
from bench.shapes import Shape

KEY_BYTES = 28  # AES-128 key and GCM salt


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: what was delivered, and what the server spent on it."""

    delivered: int
    expected: int
    cpu_s: float
    p50_ms: float
    p99_ms: float

    @property
    def us_per_packet(self) -> float:
        """CPU microseconds per delivered packet."""
        return self.cpu_s * 1e6 / max(self.delivered, 1)


async def run(shape: Shape, viewers: int, duration_s: float) -> Cost:
    """One publisher to `viewers` sinks through the child."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.naive"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    port = json.loads(await child.stdout.readline())["port"]
    ages = load.Ages()
    keys = [os.urandom(KEY_BYTES).hex() for _ in range(viewers)]
    sinks = [load.Sink(_opener(session(key, inbound=True), ages)) for key in keys]
    key = os.urandom(KEY_BYTES).hex()
    listed = [[*s.address, k] for s, k in zip(sinks, keys, strict=True)]
    child.stdin.write(json.dumps({"key": key, "viewers": listed}).encode() + b"\n")
    await child.stdin.drain()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        protect = session(key, inbound=False).protect

        def send(packets: Sequence[bytes]) -> None:
            for packet in packets:
                out.sendto(protect(packet), ("127.0.0.1", port))

        publisher = load.Publisher(shape, send)
        await publisher.run(0.5)
        await asyncio.sleep(0.2)  # what is under way belongs to the warm-up
        before = sum(sink.count for sink in sinks)
        cpu = measure.cpu_s(child.pid)
        sent = await publisher.run(duration_s)
        await asyncio.sleep(0.2)
        cost = Cost(
            sum(sink.count for sink in sinks) - before,
            sent * viewers,
            measure.cpu_s(child.pid) - cpu,
            ages.quantile_ms(0.5),
            ages.quantile_ms(0.99),
        )
    for sink in sinks:
        sink.close()
    child.stdin.close()
    await child.wait()
    return cost


def _opener(opening: Session, ages: load.Ages) -> Callable[[bytes], None]:
    def inspect(data: bytes) -> None:
        ages.note(opening.unprotect(data)[12:])

    return inspect
