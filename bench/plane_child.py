"""A media plane alone in a process: no HTTP, no handshakes, only its packet path.

Run as a process that speaks JSON, one object a line: prints `{"port": n}` for the order
`{"plane": "native", "kind": "video", "viewers": 200}`, prints `{"live": n}` once every
transport was checked and has its keys, and answers each further order with what it
knows of itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from bench import crowd
from meshnode.media import memory
from meshnode.media.native import NativePlane
from meshnode.media.plane import MediaPlane, PlaneEvent, TransportValidated
from meshnode.media.reference import ReferencePlane
from meshproto.forwarding.config import ForwardingConfig

PLANES: dict[str, Any] = {"reference": ReferencePlane, "native": NativePlane}
TRANSPORTS = 4096


class Served:
    """The plane, and who of its transports is there."""

    def __init__(self, plane: MediaPlane, kind: str, viewers: int) -> None:
        self.plane = plane
        self._kind = kind
        self._missing = set(crowd.transports(viewers))
        self.live = asyncio.Event()
        plane.on_event(self._heard)

    async def open(self) -> int:
        """Accept everybody; the port."""
        ((_, port),) = await self.plane.open(["127.0.0.1"], 0)
        for number in sorted(self._missing):
            self.plane.add_transport(crowd.spec(number))
        self.plane.program([crowd.producer(self._kind)])
        return port

    def _heard(self, event: PlaneEvent) -> None:
        if not isinstance(event, TransportValidated):
            return
        number = int(event.transport)
        if number not in self._missing:
            return
        self._missing.discard(number)
        self.plane.set_keys(event.transport, crowd.keys(number))
        if number != crowd.PUBLISHER:
            self.plane.program([crowd.consumer(self._kind, number)])
        if not self._missing:
            self.live.set()


def say(told: object) -> None:
    """One line to who measures."""
    print(json.dumps(told), flush=True)


def known(plane: MediaPlane) -> dict[str, object]:
    """What a run is judged by besides its time: drops and the plane's own latencies."""
    memory.give_back()
    found = plane.stats()
    return {name: found.get(name) for name in ("drops", "sent", "received", "latency")}


async def main() -> None:
    """Serve until standard input ends."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    order = json.loads(await lines.readline())
    config = ForwardingConfig(transports=TRANSPORTS, consumers=TRANSPORTS)
    served = Served(PLANES[order["plane"]](config), order["kind"], order["viewers"])
    say({"port": await served.open()})
    await served.live.wait()
    say({"live": order["viewers"]})
    while await lines.readline():
        say(known(served.plane))
    await served.plane.close()


if __name__ == "__main__":
    asyncio.run(main())
