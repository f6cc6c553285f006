"""Runs the loop of plain copies: start the child, feed it, count, ask the kernel."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from bench.child import child
from bench.cost import Cost, measure_cost
from bench.load import Ages, Publisher, Sink
from bench.shapes import Shape

TAG = bytes(16)
"""As long as what the others' packets have behind them."""


async def run(shape: Shape, viewers: int, duration_s: float) -> Cost:
    """One publisher to `viewers` sinks through the child."""
    sinks = [Sink(lambda _data, _arrived: None) for _ in range(viewers)]
    async with child("bench.copies") as server:
        port = (await server.hear())["port"]
        await server.tell({"viewers": [sink.address for sink in sinks], "how": "gso"})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            source = Publisher(shape, _sender(out, ("127.0.0.1", port)))
            cost = await measure_cost(
                server.pid,
                source,
                lambda: sum([sink.packets for sink in sinks]),
                Ages(),
                viewers,
                duration_s,
            )
    for sink in sinks:
        sink.close()
    return cost


def _sender(
    out: socket.socket, address: tuple[str, int]
) -> Callable[[Sequence[bytes]], None]:
    def send(packets: Sequence[bytes]) -> None:
        for packet in packets:
            out.sendto(packet + TAG, address)

    return send
