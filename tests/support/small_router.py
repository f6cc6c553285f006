"""A router of ours on loopback that speaks NAT-PMP and PCP by its tests' word.

For what a real one does not do when asked to: forget, stay silent, grant a short time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

OUTSIDE = "11.77.0.1"


class SmallRouter(asyncio.DatagramProtocol):
    """`mapped` has what stands; `asked` counts questions by (version, operation)."""

    def __init__(self) -> None:
        self.outside = OUTSIDE
        self.lifetime_s = 1_200
        self.shift = 0
        self.silent = False
        self.result = 0
        self.speaks = {0, 2}
        self.noise: list[bytes] = []
        self.mapped: dict[int, tuple[int, int]] = {}
        self.nonces: dict[int, bytes] = {}
        self.asked: list[tuple[int, int]] = []
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append((data[0], data[1]))
        if self.silent:
            return
        for octets in self.noise:
            self.transport.sendto(octets, addr)
        if data[0] not in self.speaks:
            self.transport.sendto(struct.pack("!BBHI", 0, 0x81, 1, 0), addr)
        elif data[0] == 2:
            self.transport.sendto(self._pcp(data), addr)
        else:
            self.transport.sendto(self._natpmp(data), addr)

    def _pcp(self, data: bytes) -> bytes:
        lifetime_s = min(int.from_bytes(data[4:8], "big"), self.lifetime_s)
        protocol = data[36]
        internal, external = struct.unpack_from("!HH", data, 40)
        # RFC 6887 section 11.3: whoever does not know the nonce is not allowed
        known = self.nonces.setdefault(protocol, data[24:36]) == data[24:36]
        result = self.result or (0 if known else 2)
        head = struct.pack("!BBBBII12x", 2, 0x81, 0, result, lifetime_s, 1)
        if result:
            return head + data[24:60]
        external = self._keep(protocol, internal, external, lifetime_s)
        address = bytes(10) + b"\xff\xff" + ipaddress.IPv4Address(self.outside).packed
        body = data[24:36] + struct.pack("!B3xHH", protocol, internal, external)
        return head + body + address

    def _natpmp(self, data: bytes) -> bytes:
        operation = data[1]
        head = struct.pack("!BBHI", 0, 0x80 | operation, self.result, 1)
        if self.result:
            return head
        if operation == 0:
            return head + ipaddress.IPv4Address(self.outside).packed
        internal, external, lifetime_s = struct.unpack_from("!HHI", data, 4)
        lifetime_s = min(lifetime_s, self.lifetime_s)
        protocol = {1: 17, 2: 6}[operation]
        external = self._keep(protocol, internal, external, lifetime_s)
        return head + struct.pack("!HHI", internal, external, lifetime_s)

    def _keep(
        self, protocol: int, internal: int, external: int, lifetime_s: int
    ) -> int:
        if not lifetime_s:
            self.mapped.pop(protocol, None)
            self.nonces.pop(protocol, None)
            return 0
        if protocol not in self.mapped:
            self.mapped[protocol] = (internal, external + self.shift)
        return self.mapped[protocol][1]


@asynccontextmanager
async def small_router() -> AsyncIterator[SmallRouter]:
    transport, router = await asyncio.get_running_loop().create_datagram_endpoint(
        SmallRouter, local_addr=("127.0.0.1", 0)
    )
    try:
        yield router
    finally:
        transport.close()
