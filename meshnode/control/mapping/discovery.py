"""Where the gateway's UPnP description is: one SSDP search, one believable answer.

The search is multicast, because few routers answer any other, and so everybody in the
network may reply.  A reply counts only if the datagram comes from the gateway and
points to the gateway; the rest is dropped unread, or one machine could send us to
another, or make us fetch whatever it likes (CWE-918).
"""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

from async_upnp_client.ssdp import (
    build_ssdp_search_packet,
    decode_ssdp_packet,
    is_valid_ssdp_packet,
)

from meshnode.control.mapping.gateway import Gateway

GROUP = ("239.255.255.250", 1900)
TARGET = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
"""Devices of version 2 answer to 1 as well (UPnP Device Architecture 1.1, 1.3.3)."""
ROUNDS = 2
ROUND_S = 1.2
"""A device waits up to MX (one second) before it answers; one search may be lost."""
REPLY_OCTETS_MAX = 2_048


class _Replies(asyncio.DatagramProtocol):
    def __init__(self, gateway: Gateway, found: asyncio.Future[str]) -> None:
        self._gateway = gateway
        self._found = found

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[0] != self._gateway.address or self._found.done():
            return
        location = location_of(data, addr)
        if location is not None and points_to(location, self._gateway.address):
            self._found.set_result(location)


async def find(gateway: Gateway) -> str | None:
    """The URL of the gateway's description; None where it does not answer."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[str] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Replies(gateway, found), sock=_socket(gateway.own)
        )
    except OSError:
        return None
    try:
        for _ in range(ROUNDS):
            transport.sendto(build_ssdp_search_packet(GROUP, 1, TARGET), GROUP)
            done, _waiting = await asyncio.wait([found], timeout=ROUND_S)
            if done:
                return found.result()
        return None
    finally:
        transport.close()


def location_of(datagram: bytes, source: tuple[str, int]) -> str | None:
    """Where a reply says the description is; None for what is no reply."""
    if len(datagram) > REPLY_OCTETS_MAX or not is_valid_ssdp_packet(datagram):
        return None
    try:
        _, headers = decode_ssdp_packet(datagram, None, source)
    except Exception:  # why all: the library's parser, a stranger's octets
        return None
    location = headers.get("location")
    return location if isinstance(location, str) else None


def points_to(url: str, host: str) -> bool:
    """Whether a URL is plain HTTP to that very address."""
    try:
        parts = urlsplit(url)
        return (parts.scheme, parts.hostname) == ("http", host) and parts.port != 0
    except ValueError:
        return False


def _socket(own: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.bind((own, 0))
        made.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own)
        )
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
    except OSError:
        made.close()
        raise
    return made
