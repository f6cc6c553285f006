"""The baseline everybody writes first: pylibsrtp and one `sendto` per viewer.

An asyncio datagram endpoint receives SRTP from one publisher, unprotects it, and for
each viewer patches SSRC and sequence, protects with that viewer's key and sends.  No
feedback, no history, no layers: the floor of the features at the obvious price.

Run as a process: reads one JSON line `{"key": hex, "viewers": [[host, port, key], ..]}`
after printing `{"port": n}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from pylibsrtp import Policy, Session

PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM


def session(key: str, *, inbound: bool) -> Session:
    """A libsrtp session for all sources of one direction."""
    kind = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
    return Session(Policy(key=bytes.fromhex(key), ssrc_type=kind, srtp_profile=PROFILE))


class Naive(asyncio.DatagramProtocol):
    """Receives from the publisher and copies to every viewer."""

    def __init__(self) -> None:
        self.receiving: Session | None = None
        self.viewers: list[tuple[Session, bytes, tuple[str, int]]] = []

    def connection_made(self, transport: Any) -> None:
        """Keep the endpoint to send through."""
        self.transport = transport

    def start(self, key: str, viewers: list[tuple[str, int, str]]) -> None:
        """Set the keys of the publisher and of every viewer."""
        self.receiving = session(key, inbound=True)
        for number, (host, port, viewer_key) in enumerate(viewers):
            ssrc = (1000 + number).to_bytes(4, "big")
            sending = session(viewer_key, inbound=False)
            self.viewers.append((sending, ssrc, (host, port)))

    def datagram_received(self, data: bytes, _address: object) -> None:
        """Copy one packet to everybody."""
        if self.receiving is None:
            return
        plain = self.receiving.unprotect(data)
        for sending, ssrc, address in self.viewers:
            packet = plain[:8] + ssrc + plain[12:]
            self.transport.sendto(sending.protect(packet), address)


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    transport, naive = await loop.create_datagram_endpoint(
        Naive, local_addr=("127.0.0.1", 0)
    )
    print(json.dumps({"port": transport.get_extra_info("sockname")[1]}), flush=True)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    order = json.loads(await lines.readline())
    naive.start(order["key"], [tuple(viewer) for viewer in order["viewers"]])
    await lines.read()


if __name__ == "__main__":
    asyncio.run(main())
